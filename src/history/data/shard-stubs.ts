import { codeOf, wrap } from "../../contracts/errors.ts";
import type { ShardCall, ShardRpc } from "../biz/shard-rpc.ts";

/** The name of a shard's object. It is part of where data lives, so it never changes. */
export function shardName(shard: number): string {
  return `shard-${shard}`;
}

/** As much of a Durable Object namespace as is needed to reach an object. */
interface ShardNamespace {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): unknown;
}

/**
 * Calls shards through their namespace. Ids are hashes of names, computed once an isolate (a mapping has at most 4,096 of them). A stub that has thrown may be broken for good, so each call takes a new one; a failure without a
 * code of ours means that the object could not be reached.
 */
export function shardStubs(namespace: ShardNamespace): ShardCall {
  const ids = new Map<number, DurableObjectId>();
  const idOf = (shard: number): DurableObjectId => {
    const known = ids.get(shard);
    if (known !== undefined) return known;
    const id = namespace.idFromName(shardName(shard));
    ids.set(shard, id);
    return id;
  };
  return async function callShard(shard, what, call) {
    try {
      return await call(namespace.get(idOf(shard)) as ShardRpc);
    } catch (cause) {
      const code = codeOf(cause);
      throw wrap(cause, what, code === "INTERNAL" ? codeOfPlatformError(cause) : code);
    }
  };
}

function codeOfPlatformError(error: unknown): "OVERLOADED" | "UNAVAILABLE" {
  return (error as { overloaded?: unknown } | null)?.overloaded === true ? "OVERLOADED" : "UNAVAILABLE";
}
