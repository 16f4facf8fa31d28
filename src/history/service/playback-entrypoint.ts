import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import type { EntryPage, HistoryPlayback, ItemKey, ListQuery, Report, ReportReceipt } from "../../contracts/history.ts";
import { requirePrincipal } from "../../platform/call-context.ts";
import type { ShardDirectory } from "../biz/shard-directory.ts";
import type { ShardCall, ShardRpc } from "../biz/shard-rpc.ts";

export interface PlaybackDeps {
  readonly directory: ShardDirectory;
  readonly callShard: ShardCall;
}

/** What the app BFF reaches: each method finds the caller's shard and passes the question on. Nobody can name another user. */
export function playbackEntrypoint<E extends object>(wire: (env: E) => PlaybackDeps) {
  return class Playback extends WorkerEntrypoint<E> implements HistoryPlayback {
    report(ctx: CallContext, reports: readonly Report[]): Promise<ReportReceipt> {
      return this.#ofCaller(ctx, "write", "report to a shard", (shard, userId) => shard.report(userId, reports, Date.now()));
    }

    list(ctx: CallContext, query: ListQuery): Promise<EntryPage> {
      return this.#ofCaller(ctx, "read", "list from a shard", (shard, userId) => shard.list(userId, query, Date.now()));
    }

    continueWatching(ctx: CallContext, limit: number): Promise<EntryPage> {
      return this.#ofCaller(ctx, "read", "ask a shard what to continue", (shard, userId) =>
        shard.continueWatching(userId, limit, Date.now()),
      );
    }

    lookup(ctx: CallContext, items: readonly ItemKey[]): Promise<EntryPage> {
      return this.#ofCaller(ctx, "read", "look up in a shard", (shard, userId) => shard.lookup(userId, items, Date.now()));
    }

    async ready(ctx: CallContext): Promise<void> {
      const { directory, callShard } = wire(this.env);
      const deadlineAtMs = Date.now() + ctx.remainingMs;
      await directory.mapping();
      await callShard(0, "wake a shard", { kind: "read", deadlineAtMs }, (shard) => shard.wake());
    }

    async #ofCaller<T>(
      ctx: CallContext,
      kind: "read" | "write",
      what: string,
      call: (shard: ShardRpc, userId: string) => Promise<T>,
    ): Promise<T> {
      const { userId } = requirePrincipal(ctx);
      const deadlineAtMs = Date.now() + ctx.remainingMs;
      const { directory, callShard } = wire(this.env);
      return callShard(await directory.shardOf(userId), what, { kind, deadlineAtMs, callerKeepsTime: true }, (shard) =>
        call(shard, userId),
      );
    }
  };
}
