import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import type { HistoryOperations, HistoryOverview, ShardStatus } from "../../contracts/history.ts";
import type { ShardDirectory } from "../biz/shard-directory.ts";
import { everyShard } from "../biz/every-shard.ts";
import type { ShardCall } from "../biz/shard-rpc.ts";

export interface OperationsDeps {
  readonly directory: ShardDirectory;
  readonly callShard: ShardCall;
  readonly flushWindowMs: number;
  readonly countFailures: () => Promise<{ readonly deadLetters: number; readonly rejected: number }>;
}

/** What the ops BFF reaches. */
export function operationsEntrypoint<E extends object>(wire: (env: E) => OperationsDeps) {
  return class Operations extends WorkerEntrypoint<E> implements HistoryOperations {
    async flush(_ctx: CallContext): Promise<{ readonly shards: number }> {
      const { directory, callShard } = wire(this.env);
      const { shards } = await directory.mapping();
      await everyShard(shards, (shard) => callShard(shard, "flush a shard", (stub) => stub.flush()));
      return { shards };
    }

    async overview(_ctx: CallContext): Promise<HistoryOverview> {
      const { directory, callShard, flushWindowMs, countFailures } = wire(this.env);
      const { version, shards } = await directory.mapping();
      const statuses: ShardStatus[] = [];
      await everyShard(shards, async (shard) => {
        statuses.push(await callShard(shard, "read a shard's status", (stub) => stub.status()));
      });
      statuses.sort((a, b) => a.shard - b.shard);
      return { flushWindowMs, mappingVersion: version, shards: statuses, ...(await countFailures()) };
    }
  };
}
