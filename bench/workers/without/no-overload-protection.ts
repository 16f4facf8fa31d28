import { ofEachUpstream, type UpstreamName } from "../../../src/contracts/internal-request.ts";
import { requestTimer } from "../../../src/platform/guard/call-timer.ts";
import type { Attempt, CallPlan } from "../../../src/platform/guard/call-plan.ts";
import type { Guard } from "../../../src/platform/guard/guard.ts";

/**
 * Passes everything on within its time, and refuses nobody: no overload protection, no bulkhead, no
 * breaker.
 */
const unprotected = {
  call<T>(_what: string, plan: CallPlan<T>, run: (attempt: Attempt) => Promise<T>): Promise<T> {
    const limitMs = plan.deadlineAtMs - Date.now();
    return requestTimer.withTimeout(run({ limitMs, number: 1, isHurried: false }), limitMs);
  },
} as unknown as Guard;

type Unprotected = Readonly<Record<UpstreamName, Guard>>;

export function upstreamLimiters(): null {
  return null;
}

export function upstreamGuards(): Unprotected {
  return ofEachUpstream(() => unprotected);
}

export function readyGuards(): Unprotected {
  return upstreamGuards();
}
