import type { Clock } from "../../resilience/clock.ts";
import { CallTimeoutError, requestTimer } from "../guard/call-timer.ts";
import type { TrustStore } from "./trust-store.ts";

export interface FreshTrustDeps {
  readonly trust: TrustStore;
  readonly now: Clock;
  /** Takes work that the answer need not wait for. */
  readonly background: (work: Promise<unknown>) => void;
}

/** Longer than the trust store waits for identity itself. */
const TIMEOUT_MS_MAX = 2_000;

/** What a question about trust may take, in ms, of a request that has until then. */
export function patienceMs(deadlineAtMs: number, nowMs: number): number {
  return Math.max(0, Math.min(deadlineAtMs - nowMs, TIMEOUT_MS_MAX));
}

/**
 * Has the store know what is young enough to decide by; there is mostly nothing to wait for. An
 * identity that hangs is waited for while there is time; then the last word holds, as it does where
 * identity fails.
 */
export function freshTrust(
  { trust, now, background }: FreshTrustDeps,
  deadlineAtMs: number,
  request?: { readonly url: string },
): Promise<void> | undefined {
  const waiting = trust.ensureFresh(background, request);
  if (waiting === undefined) return undefined;
  return requestTimer.withTimeout(waiting, patienceMs(deadlineAtMs, now())).catch(ignoreLateness);
}

function ignoreLateness(error: unknown): void {
  if (!(error instanceof CallTimeoutError)) throw error;
}
