import type { QuotaMode } from "../resilience/client-quota.ts";

/** A quota each client has, as api.md promises it. */
export interface LimitPolicy {
  /** Its name in `RateLimit-Policy`. */
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly mode: QuotaMode;
  /** What holds while the client's window can't be reached: a safe local rate, or nothing passes. */
  readonly onUnreachable: "open" | "closed";
}

export type LimitPolicyName = "default" | "anonymous" | "reports" | "register" | "login";

const MINUTE_MS = 60_000;

/**
 * Heartbeats come one every ten seconds, too seldom for a lease to be there when they do: they are admitted from an estimate and
 * counted afterwards. Credentials are counted before they are looked at, one by one.
 */
export const LIMIT_POLICIES: Readonly<Record<LimitPolicyName, LimitPolicy>> = {
  default: { name: "default", limit: 120, windowMs: MINUTE_MS, mode: "lease", onUnreachable: "open" },
  anonymous: { name: "anonymous", limit: 60, windowMs: MINUTE_MS, mode: "lease", onUnreachable: "open" },
  reports: { name: "reports", limit: 600, windowMs: MINUTE_MS, mode: "async", onUnreachable: "open" },
  register: { name: "register", limit: 10, windowMs: MINUTE_MS, mode: "strict", onUnreachable: "closed" },
  login: { name: "login", limit: 10, windowMs: MINUTE_MS, mode: "strict", onUnreachable: "closed" },
};
