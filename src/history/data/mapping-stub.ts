import type { Guard } from "../../platform/guard/guard.ts";
import { objectsOf, type ObjectNamespace } from "../../platform/objects.ts";
import { objectError } from "../../platform/database/platform-errors.ts";
import type { StoredMapping } from "../biz/shard-mapping.ts";
import type { MappingRpc } from "../biz/shard-rpc.ts";

/**
 * The one object that keeps the mapping, by the name of the cell. It is part of where data lives,
 * so it never changes.
 */
const OBJECT_NAME = "main";

/**
 * Asks the mapping object. `buckets` is the fingerprint of the map of buckets that the caller goes
 * by.
 */
export function mappingStub(
  namespace: ObjectNamespace,
  guard: Guard,
  buckets: number,
): () => Promise<StoredMapping> {
  const objects = objectsOf<MappingRpc>(namespace);
  // For all who wait for it, and kept for good: no one request's time bounds it. Requests do wait,
  // so it is none of the calls that wait for a breaker's verdict.
  const plan = { kind: "read", idempotent: true, deadlineAtMs: Number.POSITIVE_INFINITY } as const;
  return function askMapping() {
    return guard.call("ask for the shard mapping", plan, async () => {
      try {
        return await objects(OBJECT_NAME).current(buckets);
      } catch (cause) {
        throw objectError(cause, "ask for the shard mapping");
      }
    });
  };
}
