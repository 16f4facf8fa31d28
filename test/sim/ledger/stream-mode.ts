/** Whether changes go to a queue: always, never, or as operators deploy it. */
export type StreamMode = "on" | "off" | "switched";
