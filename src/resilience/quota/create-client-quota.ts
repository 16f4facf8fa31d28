import { AllowanceQuota } from "./allowance-quota.ts";
import { AsyncQuota } from "./async-quota.ts";
import type { ClientQuota, QuotaMode } from "./client-quota.ts";
import { LeasedQuota } from "./leased-quota.ts";
import type { RateLimit } from "./rate-limit.ts";
import { StrictQuota } from "./strict-quota.ts";
import type { OnUnreachable } from "./unreachable-quota.ts";

export interface ClientQuotaOptions {
  readonly onUnreachable: OnUnreachable;
  /**
   * Whether the server need not hear of a client who comes seldom: of an eighth of the limit, in an
   * isolate. Only where counting afterwards is close enough.
   */
  readonly hasAllowance?: boolean;
}

/** @throws RangeError for a limit or window out of range */
export function createClientQuota(
  mode: QuotaMode,
  limit: RateLimit,
  { onUnreachable, hasAllowance = false }: ClientQuotaOptions,
): ClientQuota {
  if (mode === "strict") return new StrictQuota(limit, onUnreachable);
  if (mode === "lease") return new LeasedQuota(limit, onUnreachable);
  const quota = new AsyncQuota(limit, onUnreachable);
  return hasAllowance ? new AllowanceQuota(limit, quota) : quota;
}
