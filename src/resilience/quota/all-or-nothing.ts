import type { RateDecision, RateQuota } from "./rate-limit.ts";
import { requireIntegerIn } from "../require-number-in.ts";

const QUOTAS_MAX = 16;

/**
 * Takes `cost` from every quota or from none, so that a request denied by one limit does not use up
 * the others. Answers the tightest decision: after a denial the one with the longest wait, at whose
 * end all of them allow it; otherwise the one with the least left. The quotas must be different
 * ones, each with a state of its own.
 *
 * @example
 * const decision = takeAll(nowMs, 1, [perSecond, perDay]);
 *
 * @throws RangeError unless there are 1 to 16 quotas
 */
export function takeAll(nowMs: number, cost: number, quotas: readonly RateQuota[]): RateDecision {
  requireIntegerIn("quotas.length", quotas.length, 1, QUOTAS_MAX);
  const foreseen = quotas.map((quota) => quota.peek(nowMs, cost)).reduce(tighter);
  return foreseen.allowed ? quotas.map((quota) => quota.take(nowMs, cost)).reduce(tighter) : foreseen;
}

function tighter(a: RateDecision, b: RateDecision): RateDecision {
  if (a.allowed !== b.allowed) return a.allowed ? b : a;
  if (!a.allowed) return b.retryAfterMs > a.retryAfterMs ? b : a;
  if (a.remaining !== b.remaining) return b.remaining < a.remaining ? b : a;
  return b.resetMs > a.resetMs ? b : a;
}
