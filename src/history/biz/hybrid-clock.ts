/** Counter values within one millisecond. 2^10 × the ms of the year 2250 stays below 2^53. */
const TICKS_PER_MS = 1024;

/**
 * A hybrid logical clock (Kulkarni et al., 2014) in one number: ms × 1024 + counter. It never
 * repeats and never goes back, though the wall clock may; where more than 1,024 ticks are asked of
 * one millisecond it runs ahead of the wall.
 *
 * It orders, and nothing else: after one reading of a wall clock that is a month ahead it stays a
 * month ahead. Whoever wants to know how late it is asks the plain clock. The paper bounds the
 * distance of the two; {@link driftMs} is what is held against that bound.
 */
export class HybridClock {
  #last: number;

  /** @param highWater - the largest value this clock has ever given, 0 for a new one */
  constructor(highWater = 0) {
    this.#last = highWater;
  }

  /** The next value: above every one before, and at least `nowMs`. */
  tick(nowMs: number): number {
    this.#last = Math.max(this.#last + 1, Math.floor(nowMs) * TICKS_PER_MS);
    return this.#last;
  }

  /** Nothing up to `value` is given any more. */
  advanceTo(value: number): void {
    this.#last = Math.max(this.#last, value);
  }

  /** The last value given: all that are given from now on are larger. */
  get last(): number {
    return this.#last;
  }

  /**
   * How far the last value is ahead of a plain clock that says `nowMs`, in ms; 0 where it is
   * behind.
   */
  driftMs(nowMs: number): number {
    return Math.max(0, HybridClock.wallMsOf(this.#last) - nowMs);
  }

  /**
   * The wall-clock time a value was given at, in ms since the epoch; later than that where the
   * clock had run ahead.
   */
  static wallMsOf(value: number): number {
    return Math.floor(value / TICKS_PER_MS);
  }
}
