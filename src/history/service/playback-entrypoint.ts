import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import {
  listCallSchema,
  lookupSchema,
  pageLimitSchema,
  type EntryPage,
  type HistoryPlayback,
  type ItemKey,
  type ListQuery,
  type Report,
  type ReportReceipt,
} from "../../contracts/history.ts";
import { readReportBatch } from "../../contracts/report-batch.ts";
import { requirePrincipal } from "../../platform/call-context.ts";
import { patienceOf } from "../../platform/request-scope.ts";
import { validate } from "../../platform/validate.ts";
import type { ShardDirectory } from "../biz/shard-directory.ts";
import type { Elsewhere, ShardMapping } from "../biz/shard-mapping.ts";
import { NO_TIME_AT_ALL, type ShardCall, type ShardCallOptions, type ShardRpc } from "../biz/shard-rpc.ts";

export interface PlaybackDeps {
  readonly directory: ShardDirectory;
  readonly callShard: ShardCall;
}

const READ = { kind: "read" } as const;

/**
 * What the app BFF reaches: each method checks what it was given, finds the caller's shard and
 * passes the question on. Nobody can name another user.
 */
export function playbackEntrypoint<E extends object>(wire: (env: E) => PlaybackDeps) {
  return class Playback extends WorkerEntrypoint<E> implements HistoryPlayback {
    async report(ctx: CallContext, given: readonly Report[]): Promise<ReportReceipt> {
      // Again, though the BFF has done it: one of an older version sends what this one refuses, and
      // passes on what is said of it.
      const { reports, rejected } = readReportBatch(given);
      // Dated, a report twice is as good as once, and a shard that a deploy resets is asked again.
      // A BFF of an older version may leave the date to the shard.
      const how = { kind: "write", idempotent: reports.every(({ at }) => at !== undefined) } as const;
      const receipt = await this.#ofCaller(ctx, how, "report to a shard", (shard, userId, mapping) =>
        shard.report(userId, reports, NO_TIME_AT_ALL, mapping),
      );
      return rejected.length === 0 ? receipt : { ...receipt, rejected };
    }

    async list(ctx: CallContext, given: ListQuery): Promise<EntryPage> {
      const query = validate(listCallSchema, given, "query");
      return this.#ofCaller(ctx, READ, "list from a shard", (shard, userId, mapping) =>
        shard.list(userId, query, NO_TIME_AT_ALL, mapping),
      );
    }

    async continueWatching(ctx: CallContext, given: number): Promise<EntryPage> {
      const limit = validate(pageLimitSchema, given, "limit");
      return this.#ofCaller(ctx, READ, "ask a shard what to continue", (shard, userId, mapping) =>
        shard.continueWatching(userId, limit, NO_TIME_AT_ALL, mapping),
      );
    }

    async lookup(ctx: CallContext, given: readonly ItemKey[]): Promise<EntryPage> {
      const items = validate(lookupSchema.shape.items, given, "items");
      return this.#ofCaller(ctx, READ, "look up in a shard", (shard, userId, mapping) =>
        shard.lookup(userId, items, NO_TIME_AT_ALL, mapping),
      );
    }

    async ready(ctx: CallContext): Promise<void> {
      const { callShard } = wire(this.env);
      await callShard(0, "wake a shard", { ...READ, ...patienceOf(ctx, Date.now) }, (shard) => shard.wake());
    }

    async #ofCaller<T>(
      ctx: CallContext,
      how: Pick<ShardCallOptions, "kind" | "idempotent">,
      what: string,
      call: (shard: ShardRpc, userId: string, mapping: ShardMapping) => Promise<T | Elsewhere>,
    ): Promise<T> {
      const options = { ...how, ...patienceOf(ctx, Date.now) };
      const { userId } = requirePrincipal(ctx);
      const { directory, callShard } = wire(this.env);
      return directory.ofUser(userId, (shard, mapping) =>
        callShard(shard, what, options, (stub) => call(stub, userId, mapping)),
      );
    }
  };
}
