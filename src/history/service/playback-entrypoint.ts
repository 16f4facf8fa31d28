import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../contracts/call-context.ts";
import {
  changesCallSchema,
  itemKeySchema,
  listCallSchema,
  lookupSchema,
  markSchema,
  pageLimitSchema,
  settingsSchema,
  type ChangePage,
  type ChangesQuery,
  type DatedReport,
  type Entry,
  type EntryPage,
  type HistoryPlayback,
  type HistorySettings,
  type ItemKey,
  type ListQuery,
  type Mark,
  type ReportReceipt,
} from "../../contracts/history.ts";
import { readDatedBatch, receiptOf } from "../../contracts/report-batch.ts";
import { currentPatience } from "../../platform/call/current-patience.ts";
import { requirePrincipal } from "../../platform/call/request-scope.ts";
import { failureFields } from "../../platform/logger.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import type { Cells } from "../biz/cells.ts";
import { everyOne } from "../biz/every-one.ts";
import type { ShardCall, ShardCallKind } from "../biz/ports.ts";
import type { ReportGatherer } from "../biz/report-gatherer.ts";
import type { ShardDirectory } from "../biz/shard-directory.ts";
import type { Elsewhere } from "../biz/shard-mapping.ts";
import { NO_TIME_AT_ALL, type ShardRpc, type UserCall } from "../biz/shard-rpc.ts";

/** A cell as its users reach it. */
export interface UsersCell {
  readonly name: string;
  readonly directory: ShardDirectory;
  readonly callShard: ShardCall;
  /** Of a report, which may wait on purpose. */
  readonly reportToShard: ShardCall;
}

export interface PlaybackCell extends UsersCell {
  /** The same for what is dated, together with what others report. */
  readonly reports: Pick<ReportGatherer, "report">;
}

export interface PlaybackDeps extends RpcDeps {
  readonly cells: Cells<PlaybackCell>;
}

/** Asks the caller's shard, wherever it is. */
type AskOwnShard<T> = (shard: ShardRpc, userId: string, call: UserCall) => Promise<T | Elsewhere>;

const READ = { kind: "read" } as const;
/** What is said by hand: twice is as good as once. */
const BY_HAND = { kind: "write", idempotent: true } as const;

/**
 * What the app BFF reaches: each method checks what it was given, finds the caller's shard in their
 * cell and passes the question on. Nobody can name another user, or another cell.
 */
export function playbackEntrypoint<E extends object>(wire: (env: E) => PlaybackDeps) {
  const run = rpcMethods(wire);

  function ofCaller<T>(
    { cells }: PlaybackDeps,
    ctx: CallContext,
    how: ShardCallKind,
    what: string,
    ask: AskOwnShard<T>,
    by: "callShard" | "reportToShard" = "callShard",
  ): Promise<T> {
    const { userId, cell } = requirePrincipal(ctx);
    const { directory, [by]: call } = cells.of(cell);
    return directory.ofUser(userId, (shard, mapping) =>
      call(shard, what, how, (stub, remainingMs) =>
        ask(stub, userId, [NO_TIME_AT_ALL, mapping, remainingMs]),
      ),
    );
  }

  /**
   * Dated, a report twice is as good as once: a shard that a deploy resets is asked again, and who
   * goes together goes again together.
   */
  function reportDated(
    { cells }: PlaybackDeps,
    ctx: CallContext,
    dated: readonly DatedReport[],
  ): Promise<ReportReceipt> {
    const { userId, cell } = requirePrincipal(ctx);
    const { directory, reports } = cells.of(cell);
    const patience = currentPatience();
    return directory.ofUser(userId, (shard, mapping) =>
      reports.report(shard, mapping, { userId, reports: dated }, patience),
    );
  }

  /** A BFF of an older version may leave the date to the shard. */
  function reportUndated(
    deps: PlaybackDeps,
    ctx: CallContext,
    reports: readonly DatedReport[],
  ): Promise<ReportReceipt> {
    const once = { kind: "write", idempotent: false } as const;
    const ask: AskOwnShard<ReportReceipt> = (shard, userId, call) => shard.report(userId, reports, ...call);
    return ofCaller(deps, ctx, once, "report to a shard", ask, "reportToShard");
  }

  return class Playback extends WorkerEntrypoint<E> implements HistoryPlayback {
    report(ctx: CallContext, given: readonly DatedReport[]): Promise<ReportReceipt> {
      return run(this.env, ctx, async (deps) => {
        // Again, though the BFF has done it: one of an older version sends what this one refuses,
        // and passes on what is said of it.
        const batch = readDatedBatch(given);
        const { reports } = batch;
        const receipt = reports.every(({ at }) => at !== undefined)
          ? await reportDated(deps, ctx, reports)
          : await reportUndated(deps, ctx, reports);
        return receiptOf(batch, receipt);
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

    mark(ctx: CallContext, givenItem: ItemKey, givenMark: Mark): Promise<Entry> {
      return run(this.env, ctx, (deps) => {
        const item = validate(itemKeySchema, givenItem, "item");
        const mark = validate(markSchema, givenMark, "mark");
        return ofCaller(deps, ctx, BY_HAND, "mark an item in a shard", (shard, userId, call) =>
          shard.mark(userId, item, mark, ...call),
        );
      });
    }

    remove(ctx: CallContext, given: ItemKey): Promise<void> {
      return run(this.env, ctx, async (deps) => {
        const item = validate(itemKeySchema, given, "item");
        await ofCaller(deps, ctx, BY_HAND, "delete an item in a shard", (shard, userId, call) =>
          shard.remove(userId, item, ...call),
        );
      });
    }

    clear(ctx: CallContext): Promise<void> {
      return run(this.env, ctx, async (deps) => {
        await ofCaller(deps, ctx, BY_HAND, "clear a history in a shard", (shard, userId, call) =>
          shard.clear(userId, ...call),
        );
      });
    }

    settings(ctx: CallContext): Promise<HistorySettings> {
      return run(this.env, ctx, (deps) =>
        ofCaller(deps, ctx, READ, "ask a shard for settings", (shard, userId, call) =>
          shard.settings(userId, ...call),
        ),
      );
    }

    setSettings(ctx: CallContext, given: HistorySettings): Promise<HistorySettings> {
      return run(this.env, ctx, (deps) => {
        const settings = validate(settingsSchema, given, "settings");
        return ofCaller(deps, ctx, BY_HAND, "change settings in a shard", (shard, userId, call) =>
          shard.setSettings(userId, settings, ...call),
        );
      });
    }

    changes(ctx: CallContext, given: ChangesQuery): Promise<ChangePage> {
      return run(this.env, ctx, (deps) => {
        const query = validate(changesCallSchema, given, "query");
        return ofCaller(deps, ctx, READ, "list changes from a shard", (shard, userId, call) =>
          shard.changes(userId, query, ...call),
        );
      });
    }

    exportAll(ctx: CallContext): Promise<readonly Entry[]> {
      return run(this.env, ctx, async (deps) => {
        const ask: AskOwnShard<{ readonly entries: readonly Entry[] }> = (shard, userId, call) =>
          shard.exportAll(userId, ...call);
        const { entries } = await ofCaller(deps, ctx, READ, "export from a shard", ask);
        return entries;
      });
    }

    /**
     * Whether a shard of a cell answers; it learns where users belong while it is at it. A cell
     * that doesn't is told, and keeps nobody from the others.
     */
    ready(ctx: CallContext): Promise<void> {
      return run(this.env, ctx, async ({ cells, logger }) => {
        const failures: { readonly cell: string; readonly error: unknown }[] = [];
        await everyOne(cells.all, async ({ name: cell, callShard }) => {
          try {
            await callShard(0, "wake a shard", READ, (shard) => shard.wake());
          } catch (error) {
            failures.push({ cell, error });
          }
        });
        if (failures.length === cells.all.length) throw failures[0]?.error;
        for (const { cell, error } of failures)
          logger.warn("cell not ready", { cell, ...failureFields(error) });
      });
    }
  };
}
