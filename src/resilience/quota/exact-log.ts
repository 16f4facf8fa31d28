import {
  type RateDecision,
  type RateLimit,
  type RateQuota,
  type RateQuotaState,
  requireRateLimit,
} from "./rate-limit.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";

export interface ExactLogState extends RateQuotaState {
  readonly kind: "log";
  /** When each unit was counted (ms), the oldest first. */
  readonly times: readonly number[];
  readonly atMs: number;
}

/** The largest limit for which every unit's time is kept. */
export const LOG_LIMIT_MAX = 100;

/**
 * The exact sliding window log: the time of each of the last `limit` units, in a ring. A unit
 * counts for `windowMs` from its own ms on, so no stretch of `windowMs` ever holds more than the
 * limit. Older units than the last `limit` ones change no decision, which bounds the memory even
 * where more is absorbed.
 *
 * @throws RangeError for a limit above 100 or a window out of range
 */
export class ExactLog implements RateQuota {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #time: SteadyTime;
  readonly #times: number[];
  /** Where the oldest unit stands in the ring, and how many units there are. */
  #oldest = 0;
  #size = 0;

  constructor({ limit, windowMs }: RateLimit, state?: ExactLogState) {
    requireRateLimit({ limit, windowMs });
    requireIntegerIn("limit", limit, 1, LOG_LIMIT_MAX);
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#times = Array.from({ length: limit }, () => 0);
    this.#time = new SteadyTime(windowMs, state?.atMs);
    for (const timeMs of state?.times ?? []) this.#push(timeMs);
  }

  peek(nowMs: number, cost: number): RateDecision {
    return this.#decide(this.#advance(nowMs), cost, false);
  }

  take(nowMs: number, cost: number): RateDecision {
    return this.#decide(this.#advance(nowMs), cost, true);
  }

  absorb(nowMs: number, cost: number): void {
    const atMs = this.#advance(nowMs);
    for (let left = Math.min(cost, this.#limit); left > 0; left--) this.#push(atMs);
  }

  /** The newest units leave first: leases are short, so what comes back was counted just now. */
  giveBack(nowMs: number, cost: number): void {
    this.#advance(nowMs);
    this.#size -= Math.min(cost, this.#size);
  }

  get state(): ExactLogState {
    const times = this.#times.slice(0, this.#size).map((_, index) => this.#timeOf(index));
    return { kind: "log", limit: this.#limit, windowMs: this.#windowMs, times, atMs: this.#time.lastMs };
  }

  get idleAtMs(): number {
    return this.#time.callersMs(
      this.#size === 0 ? this.#time.lastMs : this.#timeOf(this.#size - 1) + this.#windowMs,
    );
  }

  /** The time of the unit with this index, the oldest being 0. */
  #timeOf(index: number): number {
    return this.#times[(this.#oldest + index) % this.#limit] ?? 0;
  }

  #push(timeMs: number): void {
    this.#times[(this.#oldest + this.#size) % this.#limit] = timeMs;
    if (this.#size < this.#limit) this.#size += 1;
    else this.#oldest = (this.#oldest + 1) % this.#limit;
  }

  #advance(nowMs: number): number {
    const atMs = this.#time.at(nowMs);
    while (this.#size > 0 && this.#timeOf(0) + this.#windowMs <= atMs) {
      this.#oldest = (this.#oldest + 1) % this.#limit;
      this.#size -= 1;
    }
    return atMs;
  }

  #decide(atMs: number, cost: number, counting: boolean): RateDecision {
    // Written so that a cost which is no number is denied.
    const allowed = this.#size + cost <= this.#limit;
    if (allowed && counting) for (let left = cost; left > 0; left--) this.#push(atMs);
    const remaining = this.#limit - this.#size;
    if (allowed) return { allowed, remaining, resetMs: this.#untilGone(atMs, 1), retryAfterMs: 0 };
    const retryAfterMs =
      cost <= this.#limit ? this.#untilGone(atMs, this.#size + cost - this.#limit) : this.#windowMs;
    return { allowed, remaining, resetMs: retryAfterMs, retryAfterMs };
  }

  /** ms until this many of the oldest units have left the window; 0 if there are none. */
  #untilGone(atMs: number, units: number): number {
    return this.#size === 0 ? 0 : this.#timeOf(units - 1) + this.#windowMs - atMs;
  }
}
