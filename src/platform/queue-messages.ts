import { SPENDING_CAP_RETRY_MS } from "../contracts/errors.ts";

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

/** As after `SPENDING_CAP`, and the longest that a queue takes, in s. */
const AT_CAP_BASE_S = SPENDING_CAP_RETRY_MS / 1_000;
const AT_CAP_MAX_S = 12 * 3_600;

/**
 * Has the queue bring a message again that the account's spending cap keeps from being done: after
 * five minutes, then four times as late each time. Each delivery uses up one of the message's
 * retries, and the cap may last for days.
 */
export function bringAfterCap(message: Pick<Message, "attempts" | "retry">): void {
  message.retry({ delaySeconds: Math.min(AT_CAP_MAX_S, AT_CAP_BASE_S * 4 ** (message.attempts - 1)) });
}
