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
      return this.#ofCaller(ctx, "report to a shard", (shard, userId) => shard.report(userId, reports));
    }

    list(ctx: CallContext, query: ListQuery): Promise<EntryPage> {
      return this.#ofCaller(ctx, "list from a shard", (shard, userId) => shard.list(userId, query));
    }

    continueWatching(ctx: CallContext, limit: number): Promise<EntryPage> {
      return this.#ofCaller(ctx, "ask a shard what to continue", (shard, userId) => shard.continueWatching(userId, limit));
    }

    lookup(ctx: CallContext, items: readonly ItemKey[]): Promise<EntryPage> {
      return this.#ofCaller(ctx, "look up in a shard", (shard, userId) => shard.lookup(userId, items));
    }

    async ready(_ctx: CallContext): Promise<void> {
      const { directory, callShard } = wire(this.env);
      await directory.mapping();
      await callShard(0, "wake a shard", (shard) => shard.wake());
    }

    async #ofCaller<T>(ctx: CallContext, what: string, call: (shard: ShardRpc, userId: string) => Promise<T>): Promise<T> {
      const { userId } = requirePrincipal(ctx);
      const { directory, callShard } = wire(this.env);
      return callShard(await directory.shardOf(userId), what, (shard) => call(shard, userId));
    }
  };
}
