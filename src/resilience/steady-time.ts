/** Requests in flight carry older times than those that came after them, by this much at most. */
const STANDSTILL_MS_MIN = 10_000;

/**
 * Whole ms that never run backwards. A clock that steps back a little (requests in flight carry
 * older times) stands still until it has caught up. One that steps back by more than the window and
 * 10 s has been set anew, and waiting for it could refuse a client for hours: its time then goes on
 * from here, by an offset.
 */
export class SteadyTime {
  readonly #toleranceMs: number;
  #lastMs: number;
  #offsetMs = 0;

  /** @param lastMs - a time already seen: that of a restored state */
  constructor(windowMs: number, lastMs = 0) {
    this.#toleranceMs = Math.max(windowMs, STANDSTILL_MS_MIN);
    this.#lastMs = lastMs;
  }

  /** The steady time of the caller's `nowMs`. */
  at(nowMs: number): number {
    const steadyMs = Math.floor(nowMs) + this.#offsetMs;
    if (steadyMs > this.#lastMs) this.#lastMs = steadyMs;
    else if (this.#lastMs - steadyMs > this.#toleranceMs) this.#offsetMs += this.#lastMs - steadyMs;
    return this.#lastMs;
  }

  /** The last time given out. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** The caller's time of a steady one. */
  callersMs(steadyMs: number): number {
    return steadyMs - this.#offsetMs;
  }
}
