import type { Logger } from "../../platform/logger.ts";

/** An endpoint that evicts keys where it is full would lose what is pending. */
const KEEPS = "noeviction";

/** Says of each endpoint that may forget what is pending, or doesn't say whether it does. */
export async function checkHotStore(
  values: { evictionPolicies(): Promise<ReadonlyMap<string, string | null>> } | null,
  logger: Pick<Logger, "error" | "warn">,
): Promise<void> {
  if (values === null) return;
  for (const [endpoint, policy] of await values.evictionPolicies()) {
    if (policy === null) logger.warn("hot store does not say whether it evicts", { endpoint });
    else if (policy !== KEEPS) logger.error("hot store may evict what is pending", { endpoint, policy });
  }
}
