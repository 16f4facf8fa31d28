import { Gcra } from "./gcra.ts";
import { type RateDecision, type RateLimit, requireRateLimit } from "./rate-limit.ts";

/**
 * What happens to requests while the server of a limit can't be reached: admitted at a safe rate,
 * or refused.
 */
export type OnUnreachable = "open" | "closed";

/** The burst of the safe rate: small, since every isolate has one. */
const BURST_OF_LIMIT = 1 / 8;

/**
 * Decides alone while the server can't be reached: one isolate admits the limit's rate, with an
 * eighth of the limit at once. Over an outage that is `limit/8 + rate·outage` per isolate, on top
 * of what the server counted before: less than an eighth where it said that less was left.
 */
export class UnreachableQuota {
  readonly #burst: number;
  readonly #gcra: Gcra | null;

  /** @throws RangeError for a limit or window out of range */
  constructor(limit: RateLimit, onUnreachable: OnUnreachable) {
    requireRateLimit(limit);
    this.#burst = Math.ceil(limit.limit * BURST_OF_LIMIT);
    this.#gcra = onUnreachable === "open" ? new Gcra({ ...limit, burst: this.#burst }) : null;
  }

  /**
   * The server's last word, while it could be reached: who had used up the limit has no burst left
   * of it either.
   */
  know(nowMs: number, remaining: number): void {
    if (this.#gcra === null || remaining >= this.#burst) return;
    const missing = this.#gcra.peek(nowMs, 0).remaining - remaining;
    if (missing > 0) this.#gcra.absorb(nowMs, missing);
  }

  /**
   * null: closed, refuse. A request that costs more than the burst pays the whole burst, or it
   * could never pass.
   */
  decide(nowMs: number, cost: number): RateDecision | null {
    return this.#gcra === null ? null : this.#gcra.take(nowMs, Math.min(cost, this.#burst));
  }
}
