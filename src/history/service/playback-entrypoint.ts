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
import { requirePrincipal } from "../../platform/call/request-scope.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import type { ShardCall, ShardCallKind } from "../biz/ports.ts";
import type { ShardDirectory } from "../biz/shard-directory.ts";
import type { Elsewhere } from "../biz/shard-mapping.ts";
import { NO_TIME_AT_ALL, type ShardRpc, type UserCall } from "../biz/shard-rpc.ts";

export interface PlaybackDeps extends RpcDeps {
  readonly directory: ShardDirectory;
  readonly callShard: ShardCall;
  /** Of a report, which may wait on purpose. */
  readonly reportToShard: ShardCall;
}

/** Asks the caller's shard, wherever it is. */
type AskOwnShard<T> = (shard: ShardRpc, userId: string, call: UserCall) => Promise<T | Elsewhere>;

const READ = { kind: "read" } as const;

/**
 * What the app BFF reaches: each method checks what it was given, finds the caller's shard and
 * passes the question on. Nobody can name another user.
 */
export function playbackEntrypoint<E extends object>(wire: (env: E) => PlaybackDeps) {
  const run = rpcMethods(wire);

  function ofCaller<T>(
    { directory, callShard }: PlaybackDeps,
    ctx: CallContext,
    how: ShardCallKind,
    what: string,
    ask: AskOwnShard<T>,
  ): Promise<T> {
    const { userId } = requirePrincipal(ctx);
    return directory.ofUser(userId, (shard, mapping) =>
      callShard(shard, what, how, (stub, remainingMs) =>
        ask(stub, userId, [NO_TIME_AT_ALL, mapping, remainingMs]),
      ),
    );
  }

  return class Playback extends WorkerEntrypoint<E> implements HistoryPlayback {
    report(ctx: CallContext, given: readonly Report[]): Promise<ReportReceipt> {
      return run(this.env, ctx, async (deps) => {
        // Again, though the BFF has done it: one of an older version sends what this one refuses,
        // and passes on what is said of it.
        const { reports, rejected } = readReportBatch(given);
        // Dated, a report twice is as good as once, and a shard that a deploy resets is asked
        // again. A BFF of an older version may leave the date to the shard.
        const how = { kind: "write", idempotent: reports.every(({ at }) => at !== undefined) } as const;
        const patient = { ...deps, callShard: deps.reportToShard };
        const receipt = await ofCaller(patient, ctx, how, "report to a shard", (shard, userId, call) =>
          shard.report(userId, reports, ...call),
        );
        return rejected.length === 0 ? receipt : { ...receipt, rejected };
      });
    }

    list(ctx: CallContext, given: ListQuery): Promise<EntryPage> {
      return run(this.env, ctx, (deps) => {
        const query = validate(listCallSchema, given, "query");
        return ofCaller(deps, ctx, READ, "list from a shard", (shard, userId, call) =>
          shard.list(userId, query, ...call),
        );
      });
    }

    continueWatching(ctx: CallContext, given: number): Promise<EntryPage> {
      return run(this.env, ctx, (deps) => {
        const limit = validate(pageLimitSchema, given, "limit");
        const what = "ask a shard what to continue";
        return ofCaller(deps, ctx, READ, what, (shard, userId, call) =>
          shard.continueWatching(userId, limit, ...call),
        );
      });
    }

    lookup(ctx: CallContext, given: readonly ItemKey[]): Promise<EntryPage> {
      return run(this.env, ctx, (deps) => {
        const items = validate(lookupSchema.shape.items, given, "items");
        return ofCaller(deps, ctx, READ, "look up in a shard", (shard, userId, call) =>
          shard.lookup(userId, items, ...call),
        );
      });
    }

    /** Whether a shard answers; it learns where users belong while it is at it. */
    ready(ctx: CallContext): Promise<void> {
      return run(this.env, ctx, ({ callShard }) =>
        callShard(0, "wake a shard", READ, (shard) => shard.wake()),
      );
    }
  };
}
