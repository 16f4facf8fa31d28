import type { Guard } from "../../platform/guard/guard.ts";
import { objectsOf, type ObjectNamespace } from "../../platform/objects.ts";
import { objectError } from "../../platform/database/platform-errors.ts";
import { currentPatience } from "../../platform/call/current-patience.ts";
import type { ShardCall } from "../biz/ports.ts";
import type { ShardRpc } from "../biz/shard-rpc.ts";

/** The name of a shard's object. It is part of where data lives, so it never changes. */
export function shardName(shard: number): string {
  return `shard-${shard}`;
}

interface ShardStubsDeps {
  readonly namespace: ObjectNamespace;
  /** The guard of one shard: a shard that fails must not open a breaker for the others. */
  readonly guardOf: (shard: number) => Guard;
  /** What a call may take, where it is not the guard's own timeout, in ms. */
  readonly timeoutMs?: number;
}

/**
 * Calls shards through their namespace, each behind a guard of its own, within the time of the
 * request that asks; without end where none does.
 */
export function shardStubs({ namespace, guardOf, ...timeout }: ShardStubsDeps): ShardCall {
  const objects = objectsOf<ShardRpc>(namespace);
  return function callShard(shard, what, { kind, idempotent = kind === "read" }, call) {
    const plan = { kind, idempotent, ...timeout, ...currentPatience() };
    return guardOf(shard).call(what, plan, async ({ limitMs }) => {
      try {
        return await call(objects(shardName(shard)), limitMs);
      } catch (cause) {
        throw objectError(cause, what);
      }
    });
  };
}
