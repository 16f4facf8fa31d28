import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import type { HistoryOperations, HistoryOverview, ShardStatus } from "../../contracts/history.ts";
import { withinTimeOf } from "../../platform/request-scope.ts";
import type { ShardDirectory } from "../biz/shard-directory.ts";
import { everyShard } from "../biz/every-shard.ts";
import type { ShardCall } from "../biz/shard-rpc.ts";

export interface OperationsDeps {
  readonly directory: ShardDirectory;
  readonly callShard: ShardCall;
  readonly flushWindowMs: number;
  readonly readFailures: () => Promise<Pick<HistoryOverview, "deadLetters" | "rejected" | "failures">>;
}

/** What the ops BFF reaches. */
export function operationsEntrypoint<E extends object>(wire: (env: E) => OperationsDeps) {
  return class Operations extends WorkerEntrypoint<E> implements HistoryOperations {
    async flush(ctx: CallContext): Promise<{ readonly shards: number }> {
      const { directory, callShard } = wire(this.env);
      const options = { kind: "write", ...timeOf(ctx) } as const;
      const { shards } = await directory.mapping();
      await everyShard(shards, (shard) => callShard(shard, "flush a shard", options, (stub) => stub.flush()));
      return { shards };
    }

    async overview(ctx: CallContext): Promise<HistoryOverview> {
      const { directory, callShard, flushWindowMs, readFailures } = wire(this.env);
      const options = { kind: "read", ...timeOf(ctx) } as const;
      const { version, shards } = await directory.mapping();
      const statuses: ShardStatus[] = [];
      await everyShard(shards, async (shard) => {
        statuses.push(await callShard(shard, "read a shard's status", options, (stub) => stub.status()));
      });
      statuses.sort((a, b) => a.shard - b.shard);
      const failures = await withinTimeOf(ctx, Date.now, readFailures);
      return { flushWindowMs, mappingVersion: version, shards: statuses, ...failures };
    }
  };
}

/** Operators wait for all shards: one of them may take as long as the whole. */
function timeOf({ remainingMs }: CallContext): { readonly deadlineAtMs: number; readonly quotaMs: number } {
  return { deadlineAtMs: Date.now() + remainingMs, quotaMs: remainingMs };
}
