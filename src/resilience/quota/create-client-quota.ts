import { AsyncQuota } from "./async-quota.ts";
import type { ClientQuota, QuotaMode } from "./client-quota.ts";
import { LeasedQuota } from "./leased-quota.ts";
import { QuietQuota } from "./quiet-quota.ts";
import type { RateLimit } from "./rate-limit.ts";
import { requireNumberIn } from "../require-number-in.ts";
import { StrictQuota } from "./strict-quota.ts";
import type { OnUnreachable } from "./unreachable-quota.ts";

export interface ClientQuotaOptions {
  readonly onUnreachable: OnUnreachable;
  /**
   * The part of the limit, in [0, 1], that an isolate may see within a window before the server
   * hears of the client. 0 if absent, and meant for `async` only: the others know of no units that
   * nobody has counted.
   */
  readonly quietShare?: number;
}

/** @throws RangeError for a limit, window or share out of range */
export function createClientQuota(
  mode: QuotaMode,
  limit: RateLimit,
  { onUnreachable, quietShare = 0 }: ClientQuotaOptions,
): ClientQuota {
  requireNumberIn("quietShare", quietShare, 0, 1);
  if (mode === "strict") return new StrictQuota(limit, onUnreachable);
  if (mode === "lease") return new LeasedQuota(limit, onUnreachable);
  const quietUnits = Math.floor(limit.limit * quietShare);
  // Of a small limit the share is less than one request.
  return quietUnits >= 1
    ? new QuietQuota(limit, quietUnits, onUnreachable)
    : new AsyncQuota(limit, onUnreachable);
}
