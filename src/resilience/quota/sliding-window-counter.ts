import {
  type RateDecision,
  type RateLimit,
  type RateQuota,
  type RateQuotaState,
  requireRateLimit,
} from "./rate-limit.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";

export interface SlidingWindowCounterOptions extends RateLimit {
  /**
   * Into how many slices the window is cut, an integer in [1, 12]. 1, the classical counter, if
   * absent.
   */
  readonly slices?: number;
}

export interface SlidingWindowCounterState extends RateQuotaState {
  readonly kind: "slices";
  /** The slice in progress, counted from the epoch: it begins at `slot * windowMs / slices`. */
  readonly slot: number;
  /**
   * Units by slice, the oldest first, the one in progress last: one more than there are slices in a
   * window.
   */
  readonly counts: readonly number[];
  readonly atMs: number;
}

const SLICES_MAX = 12;
/**
 * Units kept at most, in limits: beyond that, sums would no longer be exact integers, and no wait
 * would be longer.
 */
const OVERFLOW_LIMITS = 8;

/**
 * The sliding window counter (Cloudflare, "How we built rate limiting capable of scaling to
 * millions of domains", 2017), generalised: the window is cut into n slices, and only the oldest
 * one is interpolated. With n = 1 that is the classical `cur + prev·(1 - f) + cost > limit → deny`.
 * The estimate is wrong by how unevenly the units lie within one slice, thus for 1/n of the window:
 * no stretch of `windowMs·(1 - 1/n)` ever holds more than the limit, and none of `windowMs` more
 * than twice. All sums are integers (units × ms).
 *
 * @throws RangeError for a limit, window or number of slices out of range
 */
export class SlidingWindowCounter implements RateQuota {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #slices: number;
  readonly #time: SteadyTime;
  /** A ring: the slot's place is its remainder. */
  readonly #counts: number[];
  #slot: number;
  /**
   * The place of the slot in progress: kept, since slots are numbers too large for the runtime's
   * fast remainder.
   */
  #head: number;
  #sum = 0;
  /** How far the slot in progress has gone, in [0, windowMs): ms × slices. */
  #gone = 0;

  constructor(
    { limit, windowMs, slices = 1 }: SlidingWindowCounterOptions,
    state?: SlidingWindowCounterState,
  ) {
    requireRateLimit({ limit, windowMs });
    requireIntegerIn("slices", slices, 1, SLICES_MAX);
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#slices = slices;
    this.#time = new SteadyTime(windowMs, state?.atMs);
    this.#slot = state?.slot ?? 0;
    this.#head = this.#slot % (slices + 1);
    this.#counts = Array.from({ length: slices + 1 }, () => 0);
    for (let back = 0; back <= slices; back++) {
      const count = state?.counts.at(-1 - back) ?? 0;
      this.#counts[this.#place(-back)] = count;
      this.#sum += count;
    }
  }

  peek(nowMs: number, cost: number): RateDecision {
    this.#roll(nowMs);
    return this.#decide(cost, false);
  }

  take(nowMs: number, cost: number): RateDecision {
    this.#roll(nowMs);
    return this.#decide(cost, true);
  }

  absorb(nowMs: number, cost: number): void {
    this.#roll(nowMs);
    this.#count(Math.min(cost, OVERFLOW_LIMITS * this.#limit - this.#sum));
  }

  /** The newest units leave first: leases are short, so what comes back was counted just now. */
  giveBack(nowMs: number, cost: number): void {
    this.#roll(nowMs);
    let left = Math.min(cost, this.#sum);
    this.#sum -= left;
    for (let back = 0; left > 0; back++) {
      const place = this.#place(-back);
      const taken = Math.min(left, this.#counts[place] ?? left);
      this.#counts[place] = (this.#counts[place] ?? 0) - taken;
      left -= taken;
    }
  }

  get state(): SlidingWindowCounterState {
    const counts = this.#counts.map((_, back) => this.#counts[this.#place(1 + back)] ?? 0);
    return {
      kind: "slices",
      limit: this.#limit,
      windowMs: this.#windowMs,
      slot: this.#slot,
      counts,
      atMs: this.#time.lastMs,
    };
  }

  get idleAtMs(): number {
    if (this.#sum === 0) return this.#time.callersMs(this.#time.lastMs);
    let newest = this.#slot;
    while (this.#counts[newest % this.#counts.length] === 0) newest -= 1;
    return this.#time.callersMs(Math.ceil(((newest + this.#slices + 1) * this.#windowMs) / this.#slices));
  }

  /** The ring's place of the slot this many after the one in progress. */
  #place(offset: number): number {
    const length = this.#slices + 1;
    return (this.#head + offset + length) % length;
  }

  #roll(nowMs: number): void {
    const scaled = this.#time.at(nowMs) * this.#slices;
    const slot = Math.floor(scaled / this.#windowMs);
    this.#gone = scaled - slot * this.#windowMs;
    for (let left = Math.min(slot - this.#slot, this.#counts.length); left > 0; left--) {
      const place = (slot - left + 1) % this.#counts.length;
      this.#sum -= this.#counts[place] ?? 0;
      this.#counts[place] = 0;
    }
    if (slot !== this.#slot) this.#head = slot % this.#counts.length;
    this.#slot = slot;
  }

  #count(cost: number): void {
    const place = this.#place(0);
    this.#counts[place] = (this.#counts[place] ?? 0) + cost;
    this.#sum += cost;
  }

  #decide(cost: number, counting: boolean): RateDecision {
    const roomThen = this.#room() - cost * this.#windowMs;
    // Written so that a cost which is no number is denied.
    const allowed = roomThen >= 0;
    if (allowed && counting) this.#count(cost);
    const remaining = Math.max(0, Math.floor(this.#room() / this.#windowMs));
    if (allowed)
      return {
        allowed,
        remaining,
        resetMs: this.#sum === 0 ? 0 : this.#untilFree(remaining + 1),
        retryAfterMs: 0,
      };
    const retryAfterMs = cost <= this.#limit ? this.#untilFree(cost) : this.#windowMs;
    return { allowed, remaining, resetMs: retryAfterMs, retryAfterMs };
  }

  /** What is left of the limit, in units × ms. Negative after absorbing too much. */
  #room(): number {
    const oldest = this.#counts[this.#place(1)] ?? 0;
    return (this.#limit - this.#sum) * this.#windowMs + oldest * this.#gone;
  }

  /**
   * ms until `cost` <= limit fits. The slices drain one after the other, the oldest first, each in
   * the time of a slice.
   */
  #untilFree(cost: number): number {
    let missing = cost * this.#windowMs - this.#room();
    let before = 0;
    let span = this.#windowMs - this.#gone;
    for (let offset = 1; offset <= this.#slices; offset++) {
      const count = this.#counts[this.#place(offset)] ?? 0;
      if (missing <= count * span) return Math.ceil((before * count + missing) / (count * this.#slices));
      missing -= count * span;
      before += span;
      span = this.#windowMs;
    }
    // Only the slice in progress is left, and its units drain a window from its end on.
    const count = this.#counts[this.#place(0)] ?? 0;
    return Math.ceil((before * count + missing) / (count * this.#slices));
  }
}
