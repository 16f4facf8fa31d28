import {
  type RateDecision,
  type RateLimit,
  type RateQuota,
  type RateQuotaState,
  requireRateLimit,
} from "./rate-limit.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";

export interface GcraOptions extends RateLimit {
  /** Units that may come at once, an integer in [1, limit]. The whole limit if absent. */
  readonly burst?: number;
}

export interface GcraState extends RateQuotaState {
  readonly kind: "gcra";
  /**
   * How far the theoretical arrival time lies after `atMs`, in ms × limit: a whole number, so that
   * no rounding adds up.
   */
  readonly debt: number;
  readonly atMs: number;
}

/**
 * The generic cell rate algorithm (ITU-T I.371, annex A; as in redis-cell and throttled): one unit
 * per T = windowMs / limit, and `burst` units at once. `TAT' = max(TAT, now) + cost·T` is allowed
 * iff `TAT' - now <= burst·T`; a denial does not advance TAT. Kept in the equal form of the
 * continuous-state leaky bucket, the debt `TAT - now`.
 *
 * It paces. As a quota it would admit twice the limit in the first window: take `quotaFor` for
 * those.
 *
 * @throws RangeError for a limit, window or burst out of range
 */
export class Gcra implements RateQuota {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #depth: number;
  readonly #time: SteadyTime;
  #debt: number;
  #atMs: number;

  constructor({ limit, windowMs, burst = limit }: GcraOptions, state?: GcraState) {
    requireRateLimit({ limit, windowMs });
    requireIntegerIn("burst", burst, 1, limit);
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#depth = burst * windowMs;
    this.#debt = state?.debt ?? 0;
    this.#atMs = state?.atMs ?? 0;
    this.#time = new SteadyTime(windowMs, this.#atMs);
  }

  peek(nowMs: number, cost: number): RateDecision {
    this.#drain(nowMs);
    return this.#decide(this.#debt + cost * this.#windowMs, this.#debt);
  }

  take(nowMs: number, cost: number): RateDecision {
    this.#drain(nowMs);
    const debtThen = this.#debt + cost * this.#windowMs;
    if (debtThen <= this.#depth) this.#debt = debtThen;
    return this.#decide(debtThen, this.#debt);
  }

  absorb(nowMs: number, cost: number): void {
    this.#drain(nowMs);
    // More than a full bucket twice over says nothing more: it would only lock the client out for
    // longer than two windows.
    this.#debt = Math.max(
      this.#debt,
      Math.min(this.#debt + cost * this.#windowMs, 2 * this.#limit * this.#windowMs),
    );
  }

  giveBack(nowMs: number, cost: number): void {
    this.#drain(nowMs);
    this.#debt = Math.max(0, this.#debt - cost * this.#windowMs);
  }

  get state(): GcraState {
    return { kind: "gcra", limit: this.#limit, windowMs: this.#windowMs, debt: this.#debt, atMs: this.#atMs };
  }

  get idleAtMs(): number {
    return this.#time.callersMs(this.#atMs + Math.ceil(this.#debt / this.#limit));
  }

  #drain(nowMs: number): void {
    const atMs = this.#time.at(nowMs);
    this.#debt = Math.max(0, this.#debt - (atMs - this.#atMs) * this.#limit);
    this.#atMs = atMs;
  }

  /** @param debtThen - the debt if the cost is added; @param debtNow - the debt as it is kept */
  #decide(debtThen: number, debtNow: number): RateDecision {
    const remaining = Math.max(0, Math.floor((this.#depth - debtNow) / this.#windowMs));
    if (debtThen <= this.#depth) {
      const untilNextUnit = debtNow - (this.#depth - (remaining + 1) * this.#windowMs);
      return {
        allowed: true,
        remaining,
        resetMs: debtNow === 0 ? 0 : Math.ceil(untilNextUnit / this.#limit),
        retryAfterMs: 0,
      };
    }
    const possible = debtThen - debtNow <= this.#depth;
    const retryAfterMs = possible ? Math.ceil((debtThen - this.#depth) / this.#limit) : this.#windowMs;
    return { allowed: false, remaining, resetMs: retryAfterMs, retryAfterMs };
  }
}
