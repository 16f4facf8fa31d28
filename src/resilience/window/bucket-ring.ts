import { WINDOW_MS_MAX } from "../quota/rate-limit.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";

export interface BucketRingOptions {
  /** Length of the window in ms, an integer in [1, 86400000] and a multiple of `buckets`. */
  readonly windowMs: number;
  /** Parts of the window, an integer in [1, 1000]. */
  readonly buckets: number;
}

const BUCKETS_MAX = 1_000;

/**
 * Which bucket of a sliding window a moment falls into, and which buckets still count. Each bucket
 * is tagged with its slot, `floor(now / bucketMs)`, so that neither idleness nor a skipped bucket
 * needs any work: a bucket with an old tag doesn't count, and the next write into it clears it.
 * What a bucket holds is the owner's affair. After Netflix Hystrix, `HystrixRollingNumber`.
 *
 * @throws RangeError for a window or bucket count out of range, or a window that the buckets do not
 *   divide evenly
 */
export class BucketRing {
  readonly size: number;
  readonly #bucketMs: number;
  readonly #slots: Float64Array;
  readonly #time: SteadyTime;
  readonly #clear: (index: number) => void;

  /** @param clear - empties the bucket at an index, before its first write of a new slot */
  constructor({ windowMs, buckets }: BucketRingOptions, clear: (index: number) => void) {
    requireIntegerIn("windowMs", windowMs, 1, WINDOW_MS_MAX);
    requireIntegerIn("buckets", buckets, 1, BUCKETS_MAX);
    if (windowMs % buckets !== 0)
      throw new RangeError(`windowMs must be a multiple of buckets (${buckets}), got ${windowMs}`);
    this.size = buckets;
    this.#bucketMs = windowMs / buckets;
    this.#slots = new Float64Array(buckets).fill(Number.NEGATIVE_INFINITY);
    this.#time = new SteadyTime(windowMs);
    this.#clear = clear;
  }

  /** The slot in progress at `nowMs`. It never goes back. */
  slotAt(nowMs: number): number {
    return Math.floor(this.#time.at(nowMs) / this.#bucketMs);
  }

  /** The index of the bucket to write into at `nowMs`, cleared if it held older things. */
  enter(nowMs: number): number {
    return this.enterSlot(this.slotAt(nowMs));
  }

  /**
   * The index of the bucket that was written into `agoMs` before `nowMs`, to the bucket; null if
   * it has left the window.
   */
  enterAgo(nowMs: number, agoMs: number): number | null {
    const buckets = Math.floor(agoMs / this.#bucketMs);
    return buckets < this.size ? this.enterSlot(this.slotAt(nowMs) - buckets) : null;
  }

  /** As `enter`, by slot: for a state that is restored. */
  enterSlot(slot: number): number {
    const index = slot % this.size;
    if (this.#slots[index] !== slot) {
      this.#slots[index] = slot;
      this.#clear(index);
    }
    return index;
  }

  /**
   * Whether the bucket at `index` counts in `slotNow`, being at least `ageMin` buckets old: 0
   * includes the one in progress, 1 doesn't.
   */
  counts(index: number, slotNow: number, ageMin: 0 | 1): boolean {
    const age = slotNow - this.slotOf(index);
    return age >= ageMin && age < this.size;
  }

  /** The slot that a bucket was last written in, -∞ if never. */
  slotOf(index: number): number {
    return this.#slots[index] ?? Number.NEGATIVE_INFINITY;
  }

  /** Makes every bucket empty. */
  reset(): void {
    this.#slots.fill(Number.NEGATIVE_INFINITY);
  }
}
