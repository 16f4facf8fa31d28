import type {
  EntryPage,
  ItemKey,
  ListQuery,
  Report,
  ReportReceipt,
  ShardStatus,
} from "../../contracts/history.ts";
import type { StoredMapping } from "./mapping-keeper.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";
import type { Elsewhere, ShardMapping } from "./shard-mapping.ts";

/**
 * What callers give where objects of the release before expect the caller's clock, from which they
 * tell how long a call was on its way: with this it never was. Such objects live on for some
 * minutes of a deploy.
 */
export const NO_TIME_AT_ALL = Number.POSITIVE_INFINITY;

/**
 * What a shard object answers over RPC. The first report or read of a sleeping shard replays its
 * log. Where a call is about a user it says by which mapping it was addressed; a shard that goes by
 * another one answers that instead.
 */
export interface ShardRpc {
  report(
    userId: string,
    reports: readonly Report[],
    sentAtMs: number,
    mapping: ShardMapping,
  ): Promise<ReportReceipt | Elsewhere>;
  list(
    userId: string,
    query: ListQuery,
    sentAtMs: number,
    mapping: ShardMapping,
  ): Promise<EntryPage | Elsewhere>;
  continueWatching(
    userId: string,
    limit: number,
    sentAtMs: number,
    mapping: ShardMapping,
  ): Promise<EntryPage | Elsewhere>;
  lookup(
    userId: string,
    items: readonly ItemKey[],
    sentAtMs: number,
    mapping: ShardMapping,
  ): Promise<EntryPage | Elsewhere>;
  /** Null when it is done; objects of the release before answer nothing. */
  erase(userId: string, mapping: ShardMapping): Promise<Elsewhere | null | void>;
  collect(keys: readonly RecordKey[]): Promise<readonly HistoryRecord[]>;
  confirm(confirmations: readonly Confirmation[]): Promise<void>;
  refill(userId: string): Promise<void>;
  /** D1 was written without this shard. Null when what it remembered of the user is forgotten. */
  forgetView(userId: string, mapping: ShardMapping): Promise<Elsewhere | null>;
  flush(): Promise<void>;
  wake(): Promise<void>;
  status(): Promise<ShardStatus>;
  /** Whether a release that kept the mapping in D1 made this object. */
  isFromBefore(): Promise<boolean>;
}

/** What the mapping object answers. */
export interface MappingRpc {
  /**
   * The mapping in force. Throws `UNAVAILABLE` while it can't be known, or where `buckets` is not
   * the map that users are stored by.
   */
  current(buckets: number): Promise<StoredMapping>;
}

export interface ShardCallOptions {
  readonly kind: "read" | "write";
  /** Whether the call may be made again where it fails; if absent, reads may. */
  readonly idempotent?: boolean;
  /** When the caller's time is up, ms since the epoch; infinity where nobody waits. */
  readonly deadlineAtMs: number;
  /** What the call may take, where it is not the usual, in ms. */
  readonly quotaMs?: number;
  /** The client asked for less time than usual: see the guard. */
  readonly isHurried?: boolean;
}

/** Calls a method of one shard; `what` says what was being done if it fails. */
export type ShardCall = <T>(
  shard: number,
  what: string,
  options: ShardCallOptions,
  call: (stub: ShardRpc) => Promise<T>,
) => Promise<T>;
