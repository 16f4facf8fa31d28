import { DurableObject } from "cloudflare:workers";
import type { EntryPage, ItemKey, ListQuery, Report, ReportReceipt, ShardStatus } from "../../contracts/history.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "../biz/record.ts";
import type { Shard } from "../biz/shard.ts";
import type { ShardRpc } from "../biz/shard-rpc.ts";

type WireShard<E> = (state: DurableObjectState, env: E, alarmAtMs: number | null) => Shard;

/**
 * The Durable Object around a {@link Shard}: what the platform calls, and nothing else. Replies leave only when what was written before
 * them is durable; the runtime's output gate sees to that.
 */
export function shardObject<E extends object>(wireShard: WireShard<E>) {
  return class ShardObject extends DurableObject<E> implements ShardRpc {
    #shard: Shard | null = null;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      void state.blockConcurrencyWhile(async () => {
        this.#shard = wireShard(state, env, await state.storage.getAlarm());
      });
    }

    get #ready(): Shard {
      if (this.#shard === null) throw new Error("the shard was called before its log was replayed");
      return this.#shard;
    }

    async report(userId: string, reports: readonly Report[], sentAtMs: number): Promise<ReportReceipt> {
      this.#ready.reportArrived(sentAtMs);
      return this.#ready.report(userId, reports);
    }

    async list(userId: string, query: ListQuery, sentAtMs: number): Promise<EntryPage> {
      this.#ready.admitRead(sentAtMs);
      return this.#ready.list(userId, query);
    }

    async continueWatching(userId: string, limit: number, sentAtMs: number): Promise<EntryPage> {
      this.#ready.admitRead(sentAtMs);
      return this.#ready.continueWatching(userId, limit);
    }

    async lookup(userId: string, items: readonly ItemKey[], sentAtMs: number): Promise<EntryPage> {
      this.#ready.admitRead(sentAtMs);
      return this.#ready.lookup(userId, items);
    }

    async collect(keys: readonly RecordKey[]): Promise<readonly HistoryRecord[]> {
      return this.#ready.collect(keys);
    }

    async confirm(confirmations: readonly Confirmation[]): Promise<void> {
      this.#ready.confirm(confirmations);
    }

    async erase(userId: string): Promise<void> {
      this.#ready.erase(userId);
    }

    refill(userId: string): Promise<void> {
      return this.#ready.refill(userId);
    }

    flush(): Promise<void> {
      return this.#ready.flushNow();
    }

    async wake(): Promise<void> {
      this.#ready.wake();
    }

    async status(): Promise<ShardStatus> {
      return this.#ready.status();
    }

    override async alarm(): Promise<void> {
      await this.#ready.onAlarm();
    }
  };
}
