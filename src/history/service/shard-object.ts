import { DurableObject } from "cloudflare:workers";
import * as z from "zod";
import type {
  ChangePage,
  ChangesQuery,
  DatedReport,
  Entry,
  EntryPage,
  HistorySettings,
  ItemKey,
  ListQuery,
  Mark,
  ReportReceipt,
  ShardStatus,
} from "../../contracts/history.ts";
import type { Listener, SocketReceipt } from "../../contracts/realtime-rpc.ts";
import { validate } from "../../platform/validate.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "../biz/record.ts";
import type { Incoming } from "../biz/incoming.ts";
import type { ShardDoor } from "../biz/shard-door.ts";
import type { Elsewhere, ShardMapping, StoredMapping } from "../biz/shard-mapping.ts";
import type { LogFormats, ShardRpc } from "../biz/shard-rpc.ts";
import type { StateConfirmation, UserState } from "../biz/user-state.ts";

/** What one object is made of. */
export interface WiredShard {
  readonly door: ShardDoor;
  /** Whether a release that kept the mapping in D1 made this object. */
  readonly isFromBefore: boolean;
}

/** Written down for good: nothing that is no number of a format may get there. */
const formatSchema = z.int().min(1).max(255);

type WireShard<E> = (state: DurableObjectState, env: E, alarmAtMs: number | null) => WiredShard;

/**
 * The Durable Object around a shard: what the platform calls, and nothing else. Replies leave only
 * when what was written before them is durable; the runtime's output gate sees to that.
 *
 * The argument before the mapping is for objects of the release before, which subtract it from
 * their clock.
 */
export function shardObject<E extends object>(wireShard: WireShard<E>) {
  return class HistoryShard extends DurableObject<E> implements ShardRpc {
    #wired: WiredShard | null = null;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      void state.blockConcurrencyWhile(async () => {
        this.#wired = wireShard(state, env, await state.storage.getAlarm());
      });
    }

    get #ready(): WiredShard {
      if (this.#wired === null) throw new Error("the shard was called before its log was replayed");
      return this.#wired;
    }

    get #door(): ShardDoor {
      return this.#ready.door;
    }

    async report(
      userId: string,
      reports: readonly DatedReport[],
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<ReportReceipt | Elsewhere> {
      return this.#door.forUser(callers, (shard) => shard.report(userId, reports, remainingMs));
    }

    async reportMany(
      batch: readonly Incoming[],
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
      awaitsMore?: boolean,
    ): Promise<readonly SocketReceipt[] | Elsewhere> {
      return this.#door.forUser(callers, (shard) => shard.reportMany(batch, remainingMs, awaitsMore));
    }

    async join(
      comet: string,
      listener: Listener,
      query: ChangesQuery | null,
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<{ readonly page: ChangePage | null } | Elsewhere> {
      return this.#door.forUser(callers, async (shard) => ({
        page: await shard.join(comet, listener, query, remainingMs),
      }));
    }

    async leave(
      comet: string,
      listeners: readonly Listener[],
      callers?: ShardMapping,
    ): Promise<Elsewhere | null> {
      return this.#door.forUser(callers, (shard) => {
        shard.leave(comet, listeners);
        return null;
      });
    }

    async list(
      userId: string,
      query: ListQuery,
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<EntryPage | Elsewhere> {
      return this.#door.forReader(callers, (shard) => shard.list(userId, query, remainingMs));
    }

    async continueWatching(
      userId: string,
      limit: number,
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<EntryPage | Elsewhere> {
      return this.#door.forReader(callers, (shard) => shard.continueWatching(userId, limit, remainingMs));
    }

    async lookup(
      userId: string,
      items: readonly ItemKey[],
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<EntryPage | Elsewhere> {
      return this.#door.forReader(callers, (shard) => shard.lookup(userId, items, remainingMs));
    }

    async mark(
      userId: string,
      item: ItemKey,
      mark: Mark,
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<Entry | Elsewhere> {
      return this.#door.forUser(callers, (shard) => shard.mark(userId, item, mark, remainingMs));
    }

    async remove(
      userId: string,
      item: ItemKey,
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<Elsewhere | null> {
      return this.#door.forUser(callers, async (shard) => {
        await shard.remove(userId, item, remainingMs);
        return null;
      });
    }

    async clear(userId: string, _sentAtMs?: number, callers?: ShardMapping): Promise<Elsewhere | null> {
      return this.#door.forUser(callers, (shard) => {
        shard.clear(userId);
        return null;
      });
    }

    async settings(
      userId: string,
      _sentAtMs?: number,
      callers?: ShardMapping,
    ): Promise<HistorySettings | Elsewhere> {
      return this.#door.forUser(callers, (shard) => shard.settings(userId));
    }

    async setSettings(
      userId: string,
      settings: HistorySettings,
      _sentAtMs?: number,
      callers?: ShardMapping,
    ): Promise<HistorySettings | Elsewhere> {
      return this.#door.forUser(callers, (shard) => shard.setSettings(userId, settings));
    }

    async changes(
      userId: string,
      query: ChangesQuery,
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<ChangePage | Elsewhere> {
      return this.#door.forReader(callers, (shard) => shard.changes(userId, query, remainingMs));
    }

    async exportAll(
      userId: string,
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<{ readonly entries: readonly Entry[] } | Elsewhere> {
      return this.#door.forReader(callers, (shard) => shard.exportAll(userId, remainingMs));
    }

    async erase(userId: string, callers?: ShardMapping): Promise<Elsewhere | null> {
      return this.#door.forUser(callers, async (shard) => {
        await shard.erase(userId);
        return null;
      });
    }

    async collect(keys: readonly RecordKey[], format?: number): Promise<readonly HistoryRecord[]> {
      return this.#door.forAnybody((shard) => shard.collect(keys, format));
    }

    async collectStates(userIds: readonly string[]): Promise<readonly UserState[]> {
      return this.#door.forAnybody((shard) => shard.collectStates(userIds));
    }

    async confirmStates(confirmed: readonly StateConfirmation[]): Promise<void> {
      return this.#door.forAnybody((shard) => shard.confirmStates(confirmed));
    }

    async settle(userId: string): Promise<void> {
      return this.#door.forAnybody((shard) => shard.settle(userId));
    }

    async confirm(confirmations: readonly Confirmation[]): Promise<void> {
      return this.#door.forAnybody((shard) => shard.confirm(confirmations));
    }

    async refill(userId: string): Promise<void> {
      return this.#door.forAnybody((shard) => shard.refill(userId));
    }

    async forgetView(userId: string, callers?: ShardMapping): Promise<Elsewhere | null> {
      return this.#door.forUser(callers, (shard) => {
        shard.forgetView(userId);
        return null;
      });
    }

    async flush(): Promise<void> {
      return this.#door.forAnybody((shard) => shard.flushNow());
    }

    /**
     * Also learns the mapping where it is not known, so that the first request after a start need
     * not.
     */
    async wake(): Promise<LogFormats> {
      await this.#door.shard.wake();
      return this.#door.forAnybody((shard) => shard.formats());
    }

    async raiseFormat(given: number): Promise<void> {
      const format = validate(formatSchema, given, "format");
      return this.#door.forAnybody((shard) => shard.raiseFormat(format));
    }

    async status(): Promise<ShardStatus> {
      return this.#door.shard.status();
    }

    async isFromBefore(): Promise<boolean> {
      return this.#ready.isFromBefore;
    }

    async mapping(): Promise<StoredMapping> {
      return this.#door.mapping();
    }

    override async alarm(): Promise<void> {
      await this.#door.shard.onAlarm();
    }
  };
}
