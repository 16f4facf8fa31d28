import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import type { HistoryOperations, HistoryOverview, ShardStatus } from "../../contracts/history.ts";
import { CALL_QUOTA_MS } from "../../platform/call-quotas.ts";
import type { Patience } from "../../platform/patience.ts";
import { patienceOf } from "../../platform/request-scope.ts";
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
    async flush(ctx: CallContext): Promise<{ readonly shards: number }> {
      const { directory, callShard } = wire(this.env);
      // What has been sent is leased: asked twice, a shard sends it once.
      const options = { kind: "write", idempotent: true, ...timeOf(ctx) } as const;
      const { shards } = await directory.mapping();
      await everyShard(shards, (shard) => callShard(shard, "flush a shard", options, (stub) => stub.flush()));
      return { shards };
    }

    async overview(ctx: CallContext): Promise<HistoryOverview> {
      const { directory, callShard, flushWindowMs, countFailures } = wire(this.env);
      const options = { kind: "read", ...timeOf(ctx) } as const;
      const { version, shards } = await directory.mapping();
      const statuses: ShardStatus[] = [];
      await everyShard(shards, async (shard) => {
        statuses.push(await callShard(shard, "read a shard's status", options, (stub) => stub.status()));
      });
      statuses.sort((a, b) => a.shard - b.shard);
      return { flushWindowMs, mappingVersion: version, shards: statuses, ...(await countFailures()) };
    }
  };
}

/** Operators wait for all shards: one of them may take nearly as long as the whole. */
function timeOf(ctx: CallContext): Patience & { readonly quotaMs: number } {
  return { ...patienceOf(ctx, Date.now), quotaMs: CALL_QUOTA_MS.operatorShard };
}
