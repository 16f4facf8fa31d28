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

type UnprotectedBffs = Readonly<Record<"account" | "app" | "ops", Guard>>;

export function bffLimiters(): null {
  return null;
}

export function bffGuards(): UnprotectedBffs {
  return { account: unprotected, app: unprotected, ops: unprotected };
}

export function readyGuards(): UnprotectedBffs {
  return bffGuards();
}
