import type {
  EntryPage,
  ItemKey,
  ListQuery,
  Report,
  ReportReceipt,
  ShardStatus,
} from "../../contracts/history.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";
import type { Elsewhere, ShardMapping, StoredMapping } from "./shard-mapping.ts";

/**
 * What callers give where objects of the release before expect the caller's clock, from which they
 * tell how long a call was on its way: with this it never was. Such objects live on for some
 * minutes of a deploy.
 */
export const NO_TIME_AT_ALL = Number.POSITIVE_INFINITY;

/**
 * What comes with a call on behalf of a user: a place for objects of the release before, the
 * mapping by which the caller came here, and how much time the call has left, in ms. It is never
 * said what time it is, since no two clocks must agree; callers of the release before say none of
 * it.
 */
export type UserCall = readonly [sentAtMs: number, mapping: ShardMapping, remainingMs: number];

/**
 * What a shard object answers over RPC. The first report or read of a sleeping shard replays its
 * log. Where a call is about a user it says by which mapping it was addressed; a shard that goes by
 * another one answers that instead.
 */
export interface ShardRpc {
  report(userId: string, reports: readonly Report[], ...call: UserCall): Promise<ReportReceipt | Elsewhere>;
  list(userId: string, query: ListQuery, ...call: UserCall): Promise<EntryPage | Elsewhere>;
  continueWatching(userId: string, limit: number, ...call: UserCall): Promise<EntryPage | Elsewhere>;
  lookup(userId: string, items: readonly ItemKey[], ...call: UserCall): Promise<EntryPage | Elsewhere>;
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
