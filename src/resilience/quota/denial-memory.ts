import type { RateDecision } from "./rate-limit.ts";

/**
 * The last denial, for exactly as long as the server's estimate needs to free what was missing: an
 * earlier request that costs as much need not ask. Never until the window's end, or a client at its
 * limit would be served in bursts, once per window.
 */
export class DenialMemory {
  #untilMs = Number.NEGATIVE_INFINITY;
  #cost = 0;
  #remaining = 0;

  /**
   * Keeps a denial of `cost` that arrived at `nowMs`. Of two in force the cheaper one says more.
   */
  remember(nowMs: number, cost: number, { remaining, retryAfterMs }: RateDecision): void {
    if (nowMs < this.#untilMs && this.#cost < cost) return;
    this.#untilMs = nowMs + retryAfterMs;
    this.#cost = cost;
    this.#remaining = remaining;
  }

  /** A denial that still holds for this cost, or null. */
  recall(nowMs: number, cost: number): RateDecision | null {
    if (nowMs >= this.#untilMs || cost < this.#cost) return null;
    const retryAfterMs = this.#untilMs - nowMs;
    return { allowed: false, remaining: this.#remaining, resetMs: retryAfterMs, retryAfterMs };
  }
}
