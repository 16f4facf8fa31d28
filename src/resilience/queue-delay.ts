import { requireIntegerIn } from "./rate-limit.ts";

interface QueueDelayOptions {
  /** What work may wait before it is taken up, in ms, an integer in [1, 60000]; 20 if absent. */
  readonly targetMs?: number;
  /** For how long it must have waited longer, in ms, an integer in [1, 60000]; 100 if absent. */
  readonly sustainedMs?: number;
}

const MS_MAX = 60_000;

/**
 * Whether work waits in a queue that does not drain: for a tenth of a second each piece has waited more than 20 ms. A queue that is empty now
 * and then is a good one, however long it is in between. Source: Nichols and Jacobson, "Controlling Queue Delay" (CoDel, 2012).
 *
 * @throws RangeError for an option out of range
 */
export class QueueDelay {
  readonly #targetMs: number;
  readonly #sustainedMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Since when nothing was taken up in time; null while something is. */
  #lateSinceMs: number | null = null;

  constructor({ targetMs = 20, sustainedMs = 100 }: QueueDelayOptions = {}) {
    requireIntegerIn("targetMs", targetMs, 1, MS_MAX);
    requireIntegerIn("sustainedMs", sustainedMs, 1, MS_MAX);
    this.#targetMs = targetMs;
    this.#sustainedMs = sustainedMs;
  }

  /** Work that was sent at `sentAtMs` is taken up now. A sender's clock that is ahead counts as no wait. */
  observe(nowMs: number, sentAtMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    if (nowMs - sentAtMs <= this.#targetMs) this.#lateSinceMs = null;
    else this.#lateSinceMs ??= this.#lastMs;
  }

  /** Whether the queue stood at the last observation. */
  get isStanding(): boolean {
    return this.#lateSinceMs !== null && this.#lastMs - this.#lateSinceMs >= this.#sustainedMs;
  }
}
