import type { EntryPage, ItemKey, ListQuery, Report, ReportReceipt, ShardStatus } from "../../contracts/history.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";

/**
 * What a shard object answers over RPC. The first report or read of a sleeping shard replays its log. `sentAtMs` is the caller's clock: by it an
 * object knows how long a call has stood in the queue before it.
 */
export interface ShardRpc {
  report(userId: string, reports: readonly Report[], sentAtMs: number): Promise<ReportReceipt>;
  list(userId: string, query: ListQuery, sentAtMs: number): Promise<EntryPage>;
  continueWatching(userId: string, limit: number, sentAtMs: number): Promise<EntryPage>;
  lookup(userId: string, items: readonly ItemKey[], sentAtMs: number): Promise<EntryPage>;
  collect(keys: readonly RecordKey[]): Promise<readonly HistoryRecord[]>;
  confirm(confirmations: readonly Confirmation[]): Promise<void>;
  erase(userId: string): Promise<void>;
  refill(userId: string): Promise<void>;
  flush(): Promise<void>;
  wake(): Promise<void>;
  status(): Promise<ShardStatus>;
}

export interface ShardCallOptions {
  /** Reads may be made again where they fail. */
  readonly kind: "read" | "write";
  /** When the caller's time is up, ms since the epoch; infinity where nobody waits. */
  readonly deadlineAtMs: number;
  /** What the call may take, where it is not the usual, in ms. */
  readonly quotaMs?: number;
  /** The caller gives up by itself: see the guard. */
  readonly callerKeepsTime?: boolean;
}

/** Calls a method of one shard; `what` says what was being done if it fails. */
export type ShardCall = <T>(shard: number, what: string, options: ShardCallOptions, call: (stub: ShardRpc) => Promise<T>) => Promise<T>;
