import type { Pressure } from "./pressure.ts";
import { SteadyTime } from "../steady-time.ts";

/** Weight of the newest response time in the average: some ten of them make up most of it. */
const EWMA_WEIGHT = 0.1;
const SUSTAINED_MS = 500;
const RT_FACTOR = 2;
const RT_SLACK_MS = 50;
/** For how long an upstream's own word counts. */
const TOLD_MS = 500;
/** An upstream that refuses work is over its limit even where what it does take is quick. */
const TOLD_EXCESS = 1.25;
const CLOCK_TOLERANCE_MS = 10_000;
/**
 * After so long without an end of work what was seen says nothing about now: its burst would be
 * refused for the slowness of an hour ago.
 */
const FORGET_MS = 10_000;

/**
 * Pressure as it shows from outside, where no CPU metric exists: response times have been over
 * twice the best (or 50 ms over it) for half a second while work has piled up, or the upstream says
 * that it is overloaded. That work stands in a queue over there only the upstream itself can see,
 * and says so (`queue-delay.ts`).
 */
export class ObservedPressure implements Pressure {
  readonly #time = new SteadyTime(CLOCK_TOLERANCE_MS);
  /** Null before the first response time. */
  #ewmaMs: number | null = null;
  #thresholdMs = Number.POSITIVE_INFINITY;
  #inFlight = 0;
  /** Since when response times are over the threshold, and how much was in flight then. */
  #slowSinceMs: number | null = null;
  #inFlightWhenSlow = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #doneAtMs = Number.NEGATIVE_INFINITY;

  onStart(_nowMs: number, inFlight: number): void {
    this.#inFlight = inFlight;
  }

  onDone(nowMs: number, rtMs: number, minRtMs: number, inFlight: number): void {
    const atMs = this.#time.at(nowMs);
    this.#forgetOld(atMs);
    this.#doneAtMs = atMs;
    this.#inFlight = inFlight;
    this.#ewmaMs = this.#ewmaMs === null ? rtMs : this.#ewmaMs + EWMA_WEIGHT * (rtMs - this.#ewmaMs);
    this.#thresholdMs = Math.max(RT_FACTOR * minRtMs, minRtMs + RT_SLACK_MS);
    if (this.#ewmaMs <= this.#thresholdMs) this.#slowSinceMs = null;
    else if (this.#slowSinceMs === null) {
      this.#slowSinceMs = atMs;
      this.#inFlightWhenSlow = inFlight;
    }
  }

  onOverloaded(nowMs: number): void {
    this.#toldAtMs = this.#time.at(nowMs);
  }

  isHigh(nowMs: number): boolean {
    const atMs = this.#time.at(nowMs);
    if (this.#isTold(atMs)) return true;
    this.#forgetOld(atMs);
    if (this.#slowSinceMs === null || atMs - this.#slowSinceMs < SUSTAINED_MS) return false;
    return this.#inFlight >= this.#inFlightWhenSlow;
  }

  excess(nowMs: number): number {
    const atMs = this.#time.at(nowMs);
    this.#forgetOld(atMs);
    const slow = (this.#ewmaMs ?? 0) / this.#thresholdMs;
    return this.#isTold(atMs) ? Math.max(TOLD_EXCESS, slow) : slow;
  }

  #forgetOld(atMs: number): void {
    if (atMs - this.#doneAtMs < FORGET_MS) return;
    this.#ewmaMs = null;
    this.#slowSinceMs = null;
  }

  #isTold(atMs: number): boolean {
    return atMs - this.#toldAtMs < TOLD_MS;
  }
}
