import { requireIntegerIn } from "../require-number-in.ts";

interface QueueDelayOptions {
  /** What work may wait before it is taken up, in ms, an integer in [1, 60000]; 20 if absent. */
  readonly targetMs?: number;
  /** For how long it must have waited longer, in ms, an integer in [1, 60000]; 100 if absent. */
  readonly sustainedMs?: number;
  /**
   * How long an observation says something about now, in ms, an integer in [1, 60000]; 1000 if
   * absent.
   */
  readonly freshMs?: number;
}

const MS_MAX = 60_000;

/**
 * Whether work waits in a queue that does not drain: for a tenth of a second each piece has waited
 * more than 20 ms. A queue that is empty now and then is a good one, however long it is in between.
 * Source: Nichols and Jacobson, "Controlling Queue Delay" (CoDel, 2012).
 *
 * It is told how long work has waited, never when it was sent: a wait is the difference of two
 * readings of one clock. Between two machines' clocks it would be their distance and their skew.
 *
 * @throws RangeError for an option out of range
 */
export class QueueDelay {
  readonly #targetMs: number;
  readonly #sustainedMs: number;
  readonly #freshMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Since when nothing was taken up in time; null while something is. */
  #lateSinceMs: number | null = null;

  constructor({ targetMs = 20, sustainedMs = 100, freshMs = 1_000 }: QueueDelayOptions = {}) {
    requireIntegerIn("targetMs", targetMs, 1, MS_MAX);
    requireIntegerIn("sustainedMs", sustainedMs, 1, MS_MAX);
    requireIntegerIn("freshMs", freshMs, 1, MS_MAX);
    this.#targetMs = targetMs;
    this.#sustainedMs = sustainedMs;
    this.#freshMs = freshMs;
  }

  /** Work that has waited for `waitedMs` is taken up at `nowMs`. */
  observe(nowMs: number, waitedMs: number): void {
    // What was seen long ago, or by a clock that has been set back since, says nothing about how
    // long this has lasted.
    if (!this.#isFresh(nowMs)) this.#lateSinceMs = null;
    this.#lastMs = nowMs;
    if (waitedMs <= this.#targetMs) this.#lateSinceMs = null;
    else this.#lateSinceMs ??= nowMs;
  }

  /** Whether the last piece had waited too long. */
  get wasLate(): boolean {
    return this.#lateSinceMs !== null;
  }

  /** Whether the queue stands: it did at the last observation, and that was a moment ago. */
  isStanding(nowMs: number): boolean {
    return (
      this.#lateSinceMs !== null &&
      this.#isFresh(nowMs) &&
      this.#lastMs - this.#lateSinceMs >= this.#sustainedMs
    );
  }

  #isFresh(nowMs: number): boolean {
    return nowMs >= this.#lastMs && nowMs - this.#lastMs <= this.#freshMs;
  }
}
