import type { RateAnswer, RateAsk, RateDecision } from "./rate-limit.ts";

/**
 * How closely an isolate keeps a client's limit, from the dearest to the cheapest:
 *
 * - `strict`: one call per request, as exact as the server's algorithm.
 * - `lease`: units in advance. In any window at most `burst + rate·(window + hold + RTT)`, where
 *   burst is the limit.
 * - `async`: counts afterwards. Over the limit by at most `demand·(report interval + RTT)`, and by
 *   its quiet units, which it tells nobody of (`quiet-quota.ts`).
 */
export type QuotaMode = "strict" | "lease" | "async";

/**
 * One client's quota as an isolate sees it. The caller moves the messages:
 *
 * @example
 * let decision = quota.decide(nowMs, 1);
 * if (decision === null) {
 *   // Exactly one of the next two follows each ask.
 *   const answer = await server.ask(quota.ask(nowMs, 1)).catch(() => null);
 *   decision = answer && quota.answered(later(), 1, answer);
 *   decision ??= quota.unreachable(later(), 1);
 * }
 * // After each decision; then exactly one of learned and failed.
 * const ask = quota.background(later());
 */
export interface ClientQuota {
  /**
   * Decides from what is known here, and counts. null: the server must be asked first, then
   * `answered`.
   */
  decide(nowMs: number, cost: number): RateDecision | null;
  /** The ask of a request that waits. */
  ask(nowMs: number, cost: number): RateAsk;
  /** The decision for that waiting request; the rest of the answer is kept. */
  answered(nowMs: number, cost: number, answer: RateAnswer): RateDecision;
  /**
   * An ask that no request waits for: a prefetch, a report, unused units. At most one is in flight.
   */
  background(nowMs: number): RateAsk | null;
  /** The answer to a background ask. */
  learned(nowMs: number, answer: RateAnswer): void;
  /**
   * A background ask failed. What it carried is counted as used, and the next one waits for a
   * second.
   */
  failed(nowMs: number): void;
  /**
   * A waiting request's ask failed. "open": a local GCRA at the limit's rate with a small burst
   * decides; "closed": null, refuse.
   */
  unreachable(nowMs: number, cost: number): RateDecision | null;
  /**
   * The last ask of a holder being forgotten: gives back the leftover, or reports what was not
   * reported yet. Nobody needs its answer.
   */
  parting(nowMs: number): RateAsk | null;
}
