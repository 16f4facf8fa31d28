import type { BusPlace, BusRecord, LateMessage } from "./ports.ts";

/** A message with its record, and which delivery of it this is. */
export interface TriedMessage {
  readonly record: BusRecord;
  readonly attempts: number;
}

/** Deliveries of a message before it is counted as dead: as many as of the queue. */
const ATTEMPTS_MAX = 6;
/** Tries to count it then: as many as the dead-letter queue makes. */
const COUNTING_MAX = 11;
/** Messages that come again; of more, those tried most often are given up. */
const LATE_MAX = 200;
/** The longest that the job asks for, at the spending cap. */
const DELAY_MS_MAX = 12 * 3_600_000;

/** A message that was tried, to come again after `delayMs`. */
export function cameTo(
  { record: { offset }, attempts }: TriedMessage,
  nowMs: number,
  delayMs: number,
): LateMessage {
  return { offset, attempts: attempts + 1, dueAtMs: nowMs + Math.min(delayMs, DELAY_MS_MAX) };
}

/** Whether its turn has come. After a clock that was ahead nothing waits for it to come true. */
export function isDue({ dueAtMs }: LateMessage, nowMs: number): boolean {
  return dueAtMs <= nowMs || dueAtMs > nowMs + DELAY_MS_MAX;
}

/** When the first one comes again, in ms; null where none does. */
export function nextDueMs({ late }: BusPlace): number | null {
  return late.length === 0 ? null : Math.min(...late.map(({ dueAtMs }) => dueAtMs));
}

/** Whether it was tried so often that it is only to be counted. */
export function isDead({ attempts }: { readonly attempts: number }): boolean {
  return attempts > ATTEMPTS_MAX;
}

/** Those that are kept, and how many are not: what could not even be counted, or is too much. */
export function keptOf(late: readonly LateMessage[]): {
  readonly late: readonly LateMessage[];
  readonly givenUp: number;
} {
  const counted = late.filter(({ attempts }) => attempts <= ATTEMPTS_MAX + COUNTING_MAX);
  const kept =
    counted.length <= LATE_MAX
      ? counted
      : counted.toSorted((a, b) => a.attempts - b.attempts).slice(0, LATE_MAX);
  return { late: kept, givenUp: late.length - kept.length };
}
