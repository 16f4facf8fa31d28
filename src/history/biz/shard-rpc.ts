import type { EntryPage, ItemKey, ListQuery, Report, ReportReceipt, ShardStatus } from "../../contracts/history.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";

/** What a shard object answers over RPC. The first report or read of a sleeping shard replays its log. */
export interface ShardRpc {
  report(userId: string, reports: readonly Report[]): Promise<ReportReceipt>;
  list(userId: string, query: ListQuery): Promise<EntryPage>;
  continueWatching(userId: string, limit: number): Promise<EntryPage>;
  lookup(userId: string, items: readonly ItemKey[]): Promise<EntryPage>;
  collect(keys: readonly RecordKey[]): Promise<readonly HistoryRecord[]>;
  confirm(confirmations: readonly Confirmation[]): Promise<void>;
  erase(userId: string): Promise<void>;
  refill(userId: string): Promise<void>;
  flush(): Promise<void>;
  wake(): Promise<void>;
  status(): Promise<ShardStatus>;
}

/** Calls a method of one shard; `what` says what was being done if it fails. */
export type ShardCall = <T>(shard: number, what: string, call: (stub: ShardRpc) => Promise<T>) => Promise<T>;
