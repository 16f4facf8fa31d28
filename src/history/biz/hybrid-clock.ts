/** Counter values within one millisecond. 2^10 × the ms of the year 2250 stays below 2^53. */
const TICKS_PER_MS = 1024;

/**
 * A hybrid logical clock (Kulkarni et al., 2014) in one number: ms × 1024 + counter. It never repeats and never goes back, though the
 * wall clock may; where more than 1,024 ticks are asked of one millisecond it runs ahead of the wall.
 */
export class HybridClock {
  #last: number;

  /** @param highWater - the largest value this clock has ever given, 0 for a new one */
  constructor(highWater = 0) {
    this.#last = highWater;
  }

  get highWater(): number {
    return this.#last;
  }

  /** The next value: above every one before, and at least `nowMs`. */
  tick(nowMs: number): number {
    this.#last = Math.max(this.#last + 1, Math.floor(nowMs) * TICKS_PER_MS);
    return this.#last;
  }

  /** Takes note of a value seen elsewhere: the next tick is above it. */
  observe(value: number): void {
    this.#last = Math.max(this.#last, value);
  }

  /** The wall-clock time a value was given at, in ms since the epoch. */
  static wallMsOf(value: number): number {
    return Math.floor(value / TICKS_PER_MS);
  }
}
