import { DurableObject } from "cloudflare:workers";
import type {
  EntryPage,
  ItemKey,
  ListQuery,
  Report,
  ReportReceipt,
  ShardStatus,
} from "../../contracts/history.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "../biz/record.ts";
import type { ShardDoor } from "../biz/shard-door.ts";
import type { Elsewhere, ShardMapping } from "../biz/shard-mapping.ts";
import type { ShardRpc } from "../biz/shard-rpc.ts";

/** What one object is made of. */
export interface WiredShard {
  readonly door: ShardDoor;
  /** Whether a release that kept the mapping in D1 made this object. */
  readonly isFromBefore: boolean;
}

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
      reports: readonly Report[],
      _sentAtMs?: number,
      callers?: ShardMapping,
      remainingMs?: number,
    ): Promise<ReportReceipt | Elsewhere> {
      return this.#door.forUser(callers, (shard) => shard.report(userId, reports, remainingMs));
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

    async erase(userId: string, callers?: ShardMapping): Promise<Elsewhere | null> {
      return this.#door.forUser(callers, (shard) => {
        shard.erase(userId);
        return null;
      });
    }

    async collect(keys: readonly RecordKey[]): Promise<readonly HistoryRecord[]> {
      return this.#door.forAnybody((shard) => shard.collect(keys));
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
    async wake(): Promise<void> {
      this.#door.shard.wake();
      await this.#door.forAnybody(() => undefined);
    }

    async status(): Promise<ShardStatus> {
      return this.#door.shard.status();
    }

    async isFromBefore(): Promise<boolean> {
      return this.#ready.isFromBefore;
    }

    override async alarm(): Promise<void> {
      await this.#door.shard.onAlarm();
    }
  };
}
