import type { Guard } from "../../platform/guard.ts";
import { objectsOf, type ObjectNamespace } from "../../platform/objects.ts";
import { objectError } from "../../platform/platform-errors.ts";
import type { ShardCall, ShardRpc } from "../biz/shard-rpc.ts";

/** The name of a shard's object. It is part of where data lives, so it never changes. */
export function shardName(shard: number): string {
  return `shard-${shard}`;
}

interface ShardStubsDeps {
  readonly namespace: ObjectNamespace;
  /** The guard of one shard: a shard that fails must not open a breaker for the others. */
  readonly guardOf: (shard: number) => Guard;
}

/**
 * Calls shards through their namespace, each behind a guard of its own.
 */
export function shardStubs({ namespace, guardOf }: ShardStubsDeps): ShardCall {
  const objects = objectsOf<ShardRpc>(namespace);
  return function callShard(shard, what, options, call) {
    const plan = { ...options, idempotent: options.idempotent ?? options.kind === "read" };
    return guardOf(shard).call(what, plan, async () => {
      try {
        return await call(objects(shardName(shard)));
      } catch (cause) {
        throw objectError(cause, what);
      }
    });
  };
}
