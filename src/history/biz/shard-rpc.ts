import type { Listener, SocketReceipt } from "../../contracts/realtime-rpc.ts";
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
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";
import type { Incoming } from "./incoming.ts";
import type { StateConfirmation, UserState } from "./user-state.ts";
import type { Elsewhere, KeptMapping, ShardMapping, StoredMapping } from "./shard-mapping.ts";

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
  report(
    userId: string,
    reports: readonly DatedReport[],
    ...call: UserCall
  ): Promise<ReportReceipt | Elsewhere>;
  /**
   * The reports of many users, in one commit; each is answered for itself, in order. With
   * `awaitsMore` that commit may wait for others, as that of a single report does; objects of the
   * release before make it at once. Those of the one before that don't know this method, nor `join`
   * and `leave`.
   */
  reportMany(
    batch: readonly Incoming[],
    ...call: readonly [...UserCall, awaitsMore?: boolean]
  ): Promise<readonly SocketReceipt[] | Elsewhere>;
  /** Somebody listens; with a query, what has changed. */
  join(
    comet: string,
    listener: Listener,
    query: ChangesQuery | null,
    ...call: UserCall
  ): Promise<{ readonly page: ChangePage | null } | Elsewhere>;
  leave(comet: string, listeners: readonly Listener[], mapping: ShardMapping): Promise<Elsewhere | null>;
  list(userId: string, query: ListQuery, ...call: UserCall): Promise<EntryPage | Elsewhere>;
  continueWatching(userId: string, limit: number, ...call: UserCall): Promise<EntryPage | Elsewhere>;
  lookup(userId: string, items: readonly ItemKey[], ...call: UserCall): Promise<EntryPage | Elsewhere>;
  /** This and what follows, up to `exportAll`, isn't known to objects of the release before. */
  mark(userId: string, item: ItemKey, mark: Mark, ...call: UserCall): Promise<Entry | Elsewhere>;
  remove(userId: string, item: ItemKey, ...call: UserCall): Promise<Elsewhere | null>;
  clear(userId: string, ...call: UserCall): Promise<Elsewhere | null>;
  settings(userId: string, ...call: UserCall): Promise<HistorySettings | Elsewhere>;
  setSettings(
    userId: string,
    settings: HistorySettings,
    ...call: UserCall
  ): Promise<HistorySettings | Elsewhere>;
  changes(userId: string, query: ChangesQuery, ...call: UserCall): Promise<ChangePage | Elsewhere>;
  exportAll(userId: string, ...call: UserCall): Promise<{ readonly entries: readonly Entry[] } | Elsewhere>;
  /** Null when it is done; objects of the release before answer nothing. */
  erase(userId: string, mapping: ShardMapping): Promise<Elsewhere | null | void>;
  /**
   * `format` is the newest one of the log whose records the caller knows; without it, it is the
   * first, and takes tombstones and marks for reports: it isn't given any.
   */
  collect(keys: readonly RecordKey[], format?: number): Promise<readonly HistoryRecord[]>;
  /** What holds for users as a whole: not known to objects of the release before. */
  collectStates(userIds: readonly string[]): Promise<readonly UserState[]>;
  confirmStates(confirmed: readonly StateConfirmation[]): Promise<void>;
  /** A user has more in D1 than is kept of one: says what goes, in their state. */
  settle(userId: string): Promise<void>;
  confirm(confirmations: readonly Confirmation[]): Promise<void>;
  refill(userId: string): Promise<void>;
  /** D1 was written without this shard. Null when what it remembered of the user is forgotten. */
  forgetView(userId: string, mapping: ShardMapping): Promise<Elsewhere | null>;
  flush(): Promise<void>;
  /** Objects of the release before answer nothing. */
  wake(): Promise<LogFormats | void>;
  /** All shards of the cell know this format of the log: it may be written from now on. */
  raiseFormat(format: number): Promise<void>;
  status(): Promise<ShardStatus>;
  /** Whether a release that kept the mapping in D1 made this object. */
  isFromBefore(): Promise<boolean>;
  /** The mapping by its copy, for those who can't have it from where it is kept. */
  mapping(): Promise<StoredMapping>;
}

/** The format of the log that a shard writes, and the newest one that it knows. */
export interface LogFormats {
  readonly written: number;
  readonly known: number;
}

/** What the mapping object answers. */
export interface MappingRpc {
  /**
   * The mapping in force. Throws `UNAVAILABLE` while it can't be known.
   *
   * Up to the release before each worker had a map of buckets of its own: `buckets` is its
   * fingerprint, and where it is not the one that users are stored by this throws `UNAVAILABLE`. An
   * object of that release compares it always and answers without a map; one of this release only
   * where the caller doesn't say that it goes by the map in the answer.
   */
  current(buckets: number, takesMap?: boolean): Promise<KeptMapping>;
}
