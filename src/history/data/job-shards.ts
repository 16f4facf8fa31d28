import { isUnknownMethod } from "../../platform/call/rpc.ts";
import { LOG_FORMAT } from "../biz/log-format.ts";
import type { ShardCall, ShardPort } from "../biz/ports.ts";
import { everyOne } from "../biz/every-one.ts";
import { wakeAndRaiseFormat } from "../biz/raise-format.ts";
import type { ShardDirectory } from "../biz/shard-directory.ts";
import { shardOf, type KeptMapping } from "../biz/shard-mapping.ts";

interface JobShardsDeps {
  readonly directory: ShardDirectory;
  /** Calls a shard where nobody waits. */
  readonly callShard: ShardCall;
}

/** The shards of a cell, for the job, for erasures and for the cron. */
interface JobShards extends ShardPort {
  /** The mapping by a shard's copy. */
  readonly mapping: (shard: number) => Promise<KeptMapping>;
  /** The user's shard refuses them from now on. */
  readonly erase: (userId: string) => Promise<void>;
  /** Has each user's shard say what of theirs goes; one that fails keeps no other from it. */
  readonly settleUsers: (userIds: readonly string[]) => Promise<void>;
  /** Wakes every one, also where another fails, and raises the format that they write. */
  readonly wakeAll: () => Promise<void>;
}

/** Jobs make a batch again as a whole, and no call of it. */
const IN_JOB = { kind: "write" } as const;

/** What jobs ask of a cell's shards. */
export function jobShards({ directory, callShard }: JobShardsDeps): JobShards {
  const settle = (shard: number, userId: string): Promise<void> =>
    callShard(shard, "settle a user", IN_JOB, (stub) => ifKnown(() => stub.settle(userId), undefined));
  return {
    mapping: (shard) =>
      callShard(shard, "ask a shard for the mapping", { kind: "read" }, (stub) => stub.mapping()),
    collect: (shard, keys, format) =>
      callShard(shard, "collect", IN_JOB, (stub) => stub.collect(keys, format)),
    confirm: (shard, confirmations) =>
      callShard(shard, "confirm", IN_JOB, (stub) => stub.confirm(confirmations)),
    refill: (shard, userId) => callShard(shard, "refill", IN_JOB, (stub) => stub.refill(userId)),
    collectStates: (shard, userIds) =>
      callShard(shard, "collect states", IN_JOB, (stub) => ifKnown(() => stub.collectStates(userIds), [])),
    confirmStates: (shard, confirmed) =>
      callShard(shard, "confirm states", IN_JOB, (stub) =>
        ifKnown(() => stub.confirmStates(confirmed), undefined),
      ),
    settle,
    async settleUsers(userIds) {
      const mapping = await directory.mapping();
      await everyOne(userIds, (userId) => settle(shardOf(userId, mapping), userId));
    },
    async erase(userId) {
      await directory.ofUser(userId, (shard, mapping) =>
        callShard(shard, "erase in a shard", IN_JOB, (stub) => stub.erase(userId, mapping)),
      );
    },
    async wakeAll() {
      const { shards } = await directory.mapping();
      await wakeAndRaiseFormat({
        shards,
        format: LOG_FORMAT,
        wake: (shard) => callShard(shard, "wake a shard", IN_JOB, (stub) => stub.wake()),
        raiseFormat: (shard, format) =>
          callShard(shard, "raise the format of a shard", IN_JOB, (stub) => stub.raiseFormat(format)),
      });
    },
  };
}

/**
 * An object of the release before is well, and has none of what it is asked for: what a later one
 * has left there waits for the next of its kind.
 */
async function ifKnown<T>(call: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isUnknownMethod(error)) return otherwise;
    throw error;
  }
}
