import { codeOf, wrap } from "../../contracts/errors.ts";
import type { ShardCall, ShardRpc } from "../biz/shard-rpc.ts";

/** The name of a shard's object. It is part of where data lives, so it never changes. */
export function shardName(shard: number): string {
  return `shard-${shard}`;
}

/**
 * Calls shards through their namespace. A stub that has thrown may be broken for good, so each call takes a new one; a failure without a
 * code of ours means that the object could not be reached.
 */
export function shardStubs(namespace: { getByName(name: string): unknown }): ShardCall {
  return async function callShard(shard, what, call) {
    try {
      return await call(namespace.getByName(shardName(shard)) as ShardRpc);
    } catch (cause) {
      const code = codeOf(cause);
      throw wrap(cause, what, code === "INTERNAL" ? codeOfPlatformError(cause) : code);
    }
  };
}

function codeOfPlatformError(error: unknown): "OVERLOADED" | "UNAVAILABLE" {
  return (error as { overloaded?: unknown } | null)?.overloaded === true ? "OVERLOADED" : "UNAVAILABLE";
}
