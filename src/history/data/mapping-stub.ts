import { MAIN_CELL, type Cell } from "../../contracts/cell.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Guard } from "../../platform/guard/guard.ts";
import { objectsOf, type ObjectNamespace } from "../../platform/objects.ts";
import { objectError } from "../../platform/database/platform-errors.ts";
import type { KeptMapping } from "../biz/shard-mapping.ts";
import type { MappingRpc } from "../biz/shard-rpc.ts";

interface MappingStubDeps {
  readonly namespace: ObjectNamespace;
  readonly guard: Guard;
  /**
   * Its name is that of the one object that keeps its mapping. It is part of where data lives, so
   * it never changes.
   */
  readonly cell: Cell;
  /** Fingerprint of the map of buckets, for an object of the release before. */
  readonly buckets: number;
}

/**
 * Asks a cell's mapping object. An object of the release before takes any name for `main`'s: what
 * it says without a map of buckets is no other cell's.
 */
export function mappingStub({
  namespace,
  guard,
  cell,
  buckets,
}: MappingStubDeps): () => Promise<KeptMapping> {
  const objects = objectsOf<MappingRpc>(namespace, cell.locationHint);
  // For all who wait for it, and kept for good: no one request's time bounds it. Requests do wait,
  // so it is none of the calls that wait for a breaker's verdict.
  const plan = { kind: "read", idempotent: true, deadlineAtMs: Number.POSITIVE_INFINITY } as const;
  return async function askMapping() {
    const kept = await guard.call("ask for the shard mapping", plan, async () => {
      try {
        return await objects(cell.name).current(buckets, true);
      } catch (cause) {
        throw objectError(cause, "ask for the shard mapping");
      }
    });
    if (kept.map === undefined && cell.name !== MAIN_CELL)
      throw new CodedError("UNAVAILABLE", "the mapping object is of a release that knows no cells");
    return kept;
  };
}
