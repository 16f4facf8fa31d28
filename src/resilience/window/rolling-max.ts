import { BucketRing, type BucketRingOptions } from "./bucket-ring.ts";

interface ReadOptions {
  /** Leaves out the bucket in progress, which is not comparable with whole ones. */
  readonly excludeCurrent?: boolean;
}

/**
 * The greatest of what was seen within a sliding window: most calls in flight, longest queue. After
 * the max-updater of Netflix Hystrix, `HystrixRollingNumber.updateRollingMax`.
 *
 * @throws RangeError for a window or bucket count out of range, or a window that the buckets do not
 *   divide evenly
 */
export class RollingMax {
  readonly #ring: BucketRing;
  readonly #maxima: Float64Array;

  constructor({ windowMs, buckets }: BucketRingOptions) {
    this.#ring = new BucketRing({ windowMs, buckets }, (index) => void (this.#maxima[index] = 0));
    this.#maxima = new Float64Array(buckets);
  }

  /** Tells a value >= 0 seen at `nowMs`. */
  update(nowMs: number, value: number): void {
    const index = this.#ring.enter(nowMs);
    this.#maxima[index] = Math.max(this.#maxima[index] ?? 0, value);
  }

  /** The greatest value of the window that ends at `nowMs`, 0 if there was none. */
  max(nowMs: number, { excludeCurrent = false }: ReadOptions = {}): number {
    const slot = this.#ring.slotAt(nowMs);
    const ageMin = excludeCurrent ? 1 : 0;
    let max = 0;
    for (let index = 0; index < this.#ring.size; index += 1) {
      if (this.#ring.counts(index, slot, ageMin)) max = Math.max(max, this.#maxima[index] ?? 0);
    }
    return max;
  }

  reset(): void {
    this.#ring.reset();
  }
}
