import type { Pressure } from "./pressure.ts";

/** Weight of the newest response time in the average: some ten of them make up most of it. */
const EWMA_WEIGHT = 0.1;
const SUSTAINED_MS = 500;
const RT_FACTOR = 2;
const RT_SLACK_MS = 50;
/** For how long an upstream's own word counts. */
const TOLD_MS = 500;
const QUEUE_DELAY_MS_MAX = 20;
const QUEUE_DELAY_SUSTAINED_MS = 100;

/**
 * Pressure as it shows from outside, where no CPU metric exists: response times have been over twice the best (or 50 ms over it) for half a
 * second while work has piled up, or the upstream says that it is overloaded, or work waits in its queue. CoDel's idea (Nichols and Jacobson,
 * "Controlling Queue Delay", 2012): not a long queue is bad but one that stays.
 */
export class ObservedPressure implements Pressure {
  #ewmaMs = 0;
  #thresholdMs = Number.POSITIVE_INFINITY;
  #inFlight = 0;
  /** Since when response times are over the threshold, and how much was in flight then. */
  #slowSinceMs: number | null = null;
  #inFlightWhenSlow = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #delayedSinceMs: number | null = null;
  #lastDelayMs = Number.NEGATIVE_INFINITY;

  onStart(_nowMs: number, inFlight: number): void {
    this.#inFlight = inFlight;
  }

  onDone(nowMs: number, rtMs: number, minRtMs: number): void {
    this.#inFlight = Math.max(0, this.#inFlight - 1);
    this.#ewmaMs = this.#ewmaMs === 0 ? rtMs : this.#ewmaMs + EWMA_WEIGHT * (rtMs - this.#ewmaMs);
    this.#thresholdMs = Math.max(RT_FACTOR * minRtMs, minRtMs + RT_SLACK_MS);
    if (this.#ewmaMs <= this.#thresholdMs) this.#slowSinceMs = null;
    else if (this.#slowSinceMs === null) {
      this.#slowSinceMs = nowMs;
      this.#inFlightWhenSlow = this.#inFlight;
    }
  }

  onOverloaded(nowMs: number): void {
    this.#toldAtMs = nowMs;
  }

  /** Work was taken up `delayMs` after it had been sent. */
  onQueueDelay(nowMs: number, delayMs: number): void {
    this.#lastDelayMs = nowMs;
    if (delayMs <= QUEUE_DELAY_MS_MAX) this.#delayedSinceMs = null;
    else this.#delayedSinceMs ??= nowMs;
  }

  isHigh(nowMs: number): boolean {
    if (nowMs - this.#toldAtMs < TOLD_MS) return true;
    if (this.#delayedSinceMs !== null && this.#lastDelayMs - this.#delayedSinceMs >= QUEUE_DELAY_SUSTAINED_MS) return true;
    if (this.#slowSinceMs === null || nowMs - this.#slowSinceMs < SUSTAINED_MS) return false;
    return this.#inFlight >= this.#inFlightWhenSlow;
  }

  excess(): number {
    return this.#ewmaMs / this.#thresholdMs;
  }
}
