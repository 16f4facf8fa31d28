import type { Logger } from "../../platform/logger.ts";
import { everyOne } from "../biz/every-one.ts";
import type { RedisValues } from "./redis-values.ts";

/** An endpoint that evicts keys where it is full would lose what is pending. */
const KEEPS = "noeviction";

/**
 * Says of each endpoint that may forget what is pending, or doesn't say whether it does. One that
 * doesn't answer keeps no other from being asked; the first failure is thrown at the end.
 */
export async function checkHotStore(
  values: Pick<RedisValues, "names" | "evictionPolicy"> | null,
  logger: Pick<Logger, "error" | "warn">,
): Promise<void> {
  if (values === null) return;
  await everyOne(values.names, async (endpoint) => {
    const policy = await values.evictionPolicy(endpoint);
    if (policy === null) logger.warn("hot store does not say whether it evicts", { endpoint });
    else if (policy !== KEEPS) logger.error("hot store may evict what is pending", { endpoint, policy });
  });
}
