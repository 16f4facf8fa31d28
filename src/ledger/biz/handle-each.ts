import { TaskGroup } from "../../resilience/task-group.ts";

/** A database works on one batch at a time; more at once only fill the waits between them. */
const CONCURRENCY_MAX = 6;

/**
 * Handles messages a few at a time, each by itself. `handle` must not throw: one message never ends
 * the others.
 */
export async function handleEach<T>(
  messages: readonly T[],
  handle: (message: T) => Promise<void>,
): Promise<void> {
  const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
  for (const message of messages) group.go(() => handle(message));
  await group.wait();
}
