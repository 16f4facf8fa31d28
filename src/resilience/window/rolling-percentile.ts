import { BucketRing } from "./bucket-ring.ts";
import { requireIntegerIn, requireNumberIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";

export interface RollingPercentileOptions {
  /** Length of the window in ms, 60000 if absent; a multiple of `buckets`. */
  readonly windowMs?: number;
  /** Parts of the window, 6 if absent. */
  readonly buckets?: number;
  /** Samples kept of each bucket, an integer in [1, 10000]; 100 if absent. */
  readonly samplesMax?: number;
  /**
   * For how long an answer may be based on the same sorted samples, in ms; 1000 if absent, and with
   * 0 every answer is exact.
   */
  readonly refreshMs?: number;
}

const SAMPLES_MAX = 10_000;
const REFRESH_MS_MAX = 60_000;

/**
 * Percentiles of values over a sliding window (Netflix Hystrix, `HystrixRollingPercentile`), by
 * linear interpolation (Hyndman and Fan 1996, type 7). Each bucket keeps a fair sample of what it
 * saw (reservoir, algorithm R of Vitter 1985), where Hystrix keeps what came last. Buckets weigh as
 * many samples as they kept, so a busy one counts no more than a full one.
 *
 * @throws RangeError for an option out of range
 */
export class RollingPercentile {
  readonly #ring: BucketRing;
  readonly #time: SteadyTime;
  readonly #samplesMax: number;
  readonly #refreshMs: number;
  /** Bucket after bucket, `samplesMax` places each. */
  readonly #samples: Float64Array;
  /** How many values each bucket saw, kept or not. */
  readonly #seen: Float64Array;
  readonly #places: Float64Array;
  #sorted: Float64Array;
  #sortedAtMs = Number.NEGATIVE_INFINITY;

  constructor({
    windowMs = 60_000,
    buckets = 6,
    samplesMax = 100,
    refreshMs = 1_000,
  }: RollingPercentileOptions = {}) {
    requireIntegerIn("samplesMax", samplesMax, 1, SAMPLES_MAX);
    requireIntegerIn("refreshMs", refreshMs, 0, REFRESH_MS_MAX);
    this.#ring = new BucketRing({ windowMs, buckets }, (index) => void (this.#seen[index] = 0));
    this.#time = new SteadyTime(windowMs);
    this.#samplesMax = samplesMax;
    this.#refreshMs = refreshMs;
    this.#samples = new Float64Array(buckets * samplesMax);
    this.#seen = new Float64Array(buckets);
    this.#places = new Float64Array(buckets * samplesMax);
    this.#sorted = this.#places.subarray(0, 0);
  }

  /**
   * Tells a value seen at `nowMs`; `random` in [0, 1) decides whether it is kept where the bucket
   * is full.
   */
  add(nowMs: number, value: number, random: number): void {
    const index = this.#ring.enter(nowMs);
    const seen = (this.#seen[index] ?? 0) + 1;
    this.#seen[index] = seen;
    const place = seen <= this.#samplesMax ? seen - 1 : Math.floor(random * seen);
    if (place < this.#samplesMax) this.#samples[index * this.#samplesMax + place] = value;
  }

  /**
   * The value that `percent` of those in the window do not exceed, null if the window is empty.
   *
   * @param percent - in [0, 100]: 50 is the median, 100 the greatest
   * @throws RangeError for any other percentage
   */
  percentile(nowMs: number, percent: number): number | null {
    requireNumberIn("percent", percent, 0, 100);
    const atMs = this.#time.at(nowMs);
    // Sorting for every request would cost more than most answers are worth.
    if (this.#sorted.length === 0 || atMs - this.#sortedAtMs >= this.#refreshMs) this.#sort(nowMs, atMs);
    const rank = (percent / 100) * (this.#sorted.length - 1);
    const below = this.#sorted[Math.floor(rank)];
    const above = this.#sorted[Math.ceil(rank)];
    if (below === undefined || above === undefined) return null;
    return below + (rank - Math.floor(rank)) * (above - below);
  }

  /**
   * @param nowMs - the caller's: the ring has a steady time of its own, and given ours it would add
   *   its offset to ours
   */
  #sort(nowMs: number, atMs: number): void {
    const slot = this.#ring.slotAt(nowMs);
    let length = 0;
    for (let index = 0; index < this.#ring.size; index += 1) {
      if (!this.#ring.counts(index, slot, 0)) continue;
      const kept = Math.min(this.#seen[index] ?? 0, this.#samplesMax);
      const start = index * this.#samplesMax;
      this.#places.set(this.#samples.subarray(start, start + kept), length);
      length += kept;
    }
    this.#sorted = this.#places.subarray(0, length).sort();
    this.#sortedAtMs = atMs;
  }
}
