/** Every dead-letter queue is named after its queue, with this at the end. */
const DEAD_LETTERS = "-dead";
const BASE_S = 2;

/** Whether a batch comes from a queue of messages that another queue has given up. */
export function isDeadLetterQueue(queue: string): boolean {
  return queue.endsWith(DEAD_LETTERS);
}

/** Has the queue bring a message again: after 2 s, then twice as late each time, at most `maxS`. */
export function bringAgain(message: Pick<Message, "attempts" | "retry">, maxS: number): void {
  message.retry({ delaySeconds: Math.min(maxS, BASE_S ** message.attempts) });
}
