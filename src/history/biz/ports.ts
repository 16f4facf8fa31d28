import type { BusStatus, FailureCount, ItemKey } from "../../contracts/history.ts";
import type { UserNews } from "../../contracts/realtime-rpc.ts";
import type { Confirmation, HistoryRecord, Position, RecordKey } from "./record.ts";
import type { FlushMessage, QueueMessage } from "./flush-message.ts";
import type { KeptMapping, StoredMapping } from "./shard-mapping.ts";
import type { ShardRpc } from "./shard-rpc.ts";
import type { StateConfirmation, UserState } from "./user-state.ts";

/**
 * A record as the log has it: since when its item has waited for D1, in ms, where that is longer
 * than since this state of it came. A restart would else take what is watched on and on for new.
 */
export interface LoggedRecord extends HistoryRecord {
  readonly waitsSinceMs?: number;
  /** The endpoint that has its value: the log has no more than the key. Absent: the log has it. */
  readonly valueAt?: string;
  /** The endpoint that may have a value of it which this one has overtaken. */
  readonly copyAt?: string;
}

/**
 * What the log has of a record whose value is elsewhere: which state of it is pending, and where.
 */
export interface LoggedKey extends RecordKey, Position {
  readonly endpoint: string;
  readonly waitsSinceMs?: number;
}

/** All that is pending, as it is written down. */
export interface AllPending {
  readonly records: readonly LoggedRecord[];
  readonly keys: readonly LoggedKey[];
}

/** A row of a shard's log, or a chunk of its snapshot, as a restart reads it. */
export interface LogPart {
  /** The chunks of a snapshot have one number. */
  readonly seq: number;
  readonly bytes: number;
  readonly records: readonly LoggedRecord[];
  /** Records whose values are elsewhere. */
  readonly keys: readonly LoggedKey[];
  /** Of users of whom something has changed; a snapshot has none, they are in a table. */
  readonly users: readonly UserState[];
}

/** What a restart learns beside the records. */
export interface ReplayEnd {
  /** The largest seq ever written, 0 for a new log. */
  readonly lastSeq: number;
  /** The largest revision ever written, 0 for a new log. It outlives the rows that carried it. */
  readonly revHighWater: number;
  /** What the newest row says was told; null where a release wrote it that tells nobody. */
  readonly toldRev: number | null;
  /**
   * Parts of a snapshot that don't belong together: everything found has been given, and it may not
   * be all.
   */
  readonly isDamaged: boolean;
}

export interface UnwrittenRow {
  readonly seq: number;
  /** Of one with `valueAt` the key alone is written. */
  readonly records: readonly LoggedRecord[];
  /** Keys alone, of records whose values aren't in memory. */
  readonly keys?: readonly LoggedKey[];
  readonly users: readonly UserState[];
  /**
   * All up to this revision has been told to those who listen, or is none of their business: what
   * came after it a restart tells again. Null: nobody knows.
   */
  readonly toldRev?: number | null;
}

/**
 * A shard's durable storage. Every method is synchronous, and what one call writes is there whole
 * or not at all: also where it throws, also where that is caught.
 */
export interface ShardLog {
  /** Rows that hold something a later release wrote, kept for it. */
  readonly unreadRows: number;
  /**
   * Gives what still matters, part by part and in order; a snapshot, where there is a live one,
   * comes first.
   */
  replay(take: (part: LogPart) => void): ReplayEnd;
  /**
   * Writes rows, and the states of users in them into their table, joined with what is there.
   * Those below `lowWater` are not needed any more; they are overwritten first. `adopted` is the
   * unread row whose place they take.
   *
   * @returns the bytes of each
   */
  append(rows: readonly UnwrittenRow[], lowWater: number, adopted?: number): readonly number[];
  /** Throws where these records can't be written down, whatever the state of the storage. */
  checkWritable(records: readonly HistoryRecord[]): void;
  /**
   * Replaces the snapshot: everything up to `seq` that still matters is in `pending`.
   *
   * @returns its bytes
   */
  writeSnapshot(seq: number, pending: AllPending): number;
  /**
   * Rows that an earlier release could not read, and the records of one; null where this one can't
   * either.
   */
  unreadIds(): readonly number[];
  readUnread(id: number): Pick<LogPart, "records" | "keys" | "users"> | null;
  /** What holds for a user as a whole; null where nothing is kept. Truncation never touches it. */
  userState(userId: string): UserState | null;
  /** States that D1 has not confirmed, at most `limit`. */
  unconfirmedStates(limit: number): readonly UserState[];
  /** D1 holds this of a user's state. Says whether that is all of it. */
  confirmState(confirmed: StateConfirmation): boolean;
  /** Whether a user was erased: whatever comes for them is refused. */
  isErased(userId: string): boolean;
  /**
   * Refuses a user from now on and leaves no copy of what they reported: `pending` is what
   * everybody else has, to be the snapshot at `seq`.
   *
   * @returns the snapshot's bytes
   */
  erase(userId: string, atMs: number, seq: number, pending: AllPending): number;
}

/** Who listens to a user's history, as a shard keeps it: in which comet, with how many sockets. */
export interface ListenerRow {
  readonly userId: string;
  readonly comet: string;
  readonly sockets: number;
  /** Of the last join or leave that counted. */
  readonly version: number;
  readonly joinedAtMs: number;
  /** What came after this revision may not have been told; null: all has been, or is pending. */
  readonly behindRev: number | null;
}

/**
 * Where a shard keeps who listens. Synchronous, in the shard's own storage; erasure takes a user's
 * rows with it.
 */
export interface ListenerStore {
  all(): readonly ListenerRow[];
  put(row: ListenerRow): void;
  remove(userId: string, comet: string): void;
  removeJoinedBefore(atMs: number): void;
}

/**
 * Tells a comet what has changed for users who listen there; it answers who of them has no socket.
 * Settles within bounded time.
 */
export type TellComet = (comet: string, news: readonly UserNews[]) => Promise<readonly string[]>;

/** Which format of the log an object writes. It is never lowered. */
export interface FormatStore {
  /** What rows may have at most: of a shard that is made now, the newest. */
  readonly format: number;
  raiseFormat(format: number): void;
}

/** Where an object counts what it has lost. */
export interface LossCount {
  /** Values that were pending and are nowhere any more. */
  readonly lostValues: number;
  countLost(values: number): void;
}

/** Names a state of an item. */
export interface ValueKey extends RecordKey, Position {}

/**
 * Values of pending records outside of the shard, by the name of the endpoint that has them. Every
 * call settles within bounded time, is made once, and throws where it doesn't work.
 */
export interface RemoteValues {
  /** Where a new value of a user goes; it counts there until it is {@link release}d. */
  acquire(userId: string): string;
  release(endpoint: string): void;
  /** Whether an endpoint can be reached at all. */
  has(endpoint: string): boolean;
  /** Whether new values go anywhere: without it only what is there already is looked after. */
  readonly takesNew: boolean;
  /**
   * Keeps each record for as long as it takes, unless a newer one of its item is there that doesn't
   * go: those are answered.
   */
  put(endpoint: string, records: readonly HistoryRecord[]): Promise<readonly HistoryRecord[]>;
  /** What there is; null where there is nothing. */
  get(endpoint: string, keys: readonly RecordKey[]): Promise<readonly (HistoryRecord | null)[]>;
  /**
   * The same of states that are pending: each, or one before it that has no lifetime, is kept from
   * now on for as long as it takes. Whatever else is there isn't pending: D1 has had it, or nobody
   * was told of it. That is null, and goes when it was to go.
   */
  recall(endpoint: string, states: readonly ValueKey[]): Promise<readonly (HistoryRecord | null)[]>;
  /** These states, or older ones, may go: in a while, not all at once. */
  drop(endpoint: string, states: readonly ValueKey[]): Promise<void>;
  /** Removes all there is of a user, everywhere, and takes nothing more of them. */
  forget(userId: string, items: readonly RecordKey[]): Promise<void>;
}

/** At once where nothing outside of the shard has to answer. */
export type MaybeLater<T> = T | Promise<T>;

/** Reports of one commit, as they were judged. */
export interface Reported {
  readonly records: readonly HistoryRecord[];
  /** Whether somebody who listens is to be told of them. */
  readonly isNews: boolean;
}

/**
 * Where a shard keeps the newest state of what D1 has not confirmed: in its own log, or in Redis
 * with the keys in the log. Whatever is pending is found again after a restart.
 */
export interface HotStore {
  /** Whether it keeps anything outside of the shard. */
  readonly isRemote: boolean;
  /** Pending values that have not been read back since the restart. */
  readonly unread: number;
  /** When {@link tend} has something to do next, in ms; null where nothing is left to do. */
  readonly dueMs: number | null;
  /**
   * Takes reports, of each item the newest by (at, rev). Throws where they can't be written down:
   * then none of it has happened. They are durable when {@link durable} says so.
   */
  put(reported: Reported, nowMs: number): void;
  /**
   * When all that was taken of a user is durable; undefined where it is. Throws where it can't be.
   */
  durable(userId: string): Promise<void> | undefined;
  /** Whether all that is pending of a user is in memory. */
  isLoaded(userId: string): boolean;
  /** Reads what is pending of users into memory, as far as it can be had; undefined where it is. */
  load(userIds: readonly string[]): Promise<void> | undefined;
  /**
   * The newest state of each key that D1 has not confirmed, if it is one of those that are taken.
   */
  collect(
    keys: readonly RecordKey[],
    takes: (record: HistoryRecord) => boolean,
  ): MaybeLater<readonly HistoryRecord[]>;
  /**
   * D1 holds these revisions: they are needed no more. Throws `UNAVAILABLE` where that can't be
   * said of all of them; then the others are dropped.
   */
  drop(confirmations: readonly Confirmation[], nowMs: number): MaybeLater<void>;
  /** Leaves nothing of a user and refuses them from now on. May be done again. */
  forget(userId: string, nowMs: number): MaybeLater<void>;
  /** Does what could not be done before. Bounded, never throws. */
  tend(nowMs: number): MaybeLater<void>;
}

/** The shard's alarm clock. */
export interface ShardAlarm {
  /** Sets the one alarm, replacing an earlier setting. Throws, or rejects, where it can't. */
  set(atMs: number): void | Promise<void>;
}

/** Sends messages to the history job. */
export interface FlushQueue {
  send(messages: readonly QueueMessage[]): Promise<void>;
}

/** A message of a partition of the bus, as it is kept there. */
export interface BusRecord {
  readonly offset: number;
  readonly value: string | null;
}

/** One partition of the bus between shards and job. */
export interface BusPartition {
  /**
   * What there is from an offset on, as far as one answer carries. Throws where it can't be had.
   */
  fetch(offset: number): Promise<readonly BusRecord[]>;
  /** Its first offset, and the one that comes next; within `limitMs` where somebody waits. */
  ends(limitMs?: number): Promise<{ readonly first: number; readonly next: number }>;
  /** Whether its topic has so many partitions no more. Throws where nobody knows. */
  isGone(): Promise<boolean>;
}

/** A message that was tried and comes again. */
export interface LateMessage {
  readonly offset: number;
  /** Which delivery the next one is. */
  readonly attempts: number;
  readonly dueAtMs: number;
}

/** How far a partition was read: all before `nextOffset` is done, but what is late. */
export interface BusPlace {
  readonly nextOffset: number;
  readonly late: readonly LateMessage[];
}

/** Where a puller keeps it: one row, whole or not at all. */
export interface BusPlaceStore {
  /** Null where nothing was read yet. */
  read(): BusPlace | null;
  write(place: BusPlace): void;
  /** Resolves when what was written is durable. */
  sync(): Promise<void>;
}

/** A message of the bus on its way to the job, which says what becomes of it. */
export interface BusMessage {
  readonly id: string;
  readonly body: unknown;
  /** Which delivery it is. */
  readonly attempts: number;
  ack(): void;
  retry(options?: { readonly delaySeconds?: number }): void;
}

/** Has the job do messages, or counts those that were given up. */
export type HandOver = (messages: readonly BusMessage[], isDead: boolean) => Promise<void>;

/** What a puller's object is asked. */
export interface PullerRpc {
  /** There may be something to be read in its partition. */
  wake(): Promise<void>;
  status(): Promise<BusStatus>;
}

/** The bus of a cell, where it is a log that pullers read. */
export interface Bus {
  /** How shards send. */
  readonly queue: FlushQueue;
  /** Has every partition looked at. */
  wakeAll(): Promise<void>;
  /** Of every partition. Throws where nobody knows how many there are. */
  statuses(): Promise<readonly BusStatus[]>;
  partition(partition: number): BusPartition;
}

/** The alarm clock of a puller. */
export interface PullerAlarm {
  at(): Promise<number | null>;
  set(atMs: number): Promise<void>;
}

/** Reads what the job has written. */
export interface HistoryReader {
  /**
   * The newest records of a user, tombstones among them, newest first, at most `limit`. Throws
   * `UNAVAILABLE`.
   */
  newestOf(userId: string, limit: number): Promise<readonly HistoryRecord[]>;
  /** What there is of these items of a user, in any order. Throws `UNAVAILABLE`. */
  find(userId: string, items: readonly ItemKey[]): Promise<readonly HistoryRecord[]>;
}

/** One database of the history, as the job writes it. */
export interface HistoryWriter {
  /**
   * Writes each record unless the database holds a newer one of it, its user is erased, or it may
   * have been deleted since. What was set aside of an item that is deleted goes. All or nothing.
   * Throws `UNAVAILABLE` where trying again may help, `INVALID` where a record itself is refused.
   */
  upsert(records: readonly HistoryRecord[]): Promise<void>;
  /**
   * Sets a record aside that the database refuses for good, unless its user is erased, or it was
   * cleared or deleted. Throws where it can't.
   */
  reject(record: Confirmation, reason: string): Promise<void>;
  /**
   * Writes what holds for users as a whole, joined with what is there, unless they are erased, and
   * deletes what is cleared, of what was set aside too, beyond what is kept, or a tombstone that is
   * forgotten.
   */
  writeStates(states: readonly UserState[]): Promise<void>;
  /**
   * Those of the users who have more than `keep` entries, or tombstones that are older than
   * `tombstonesBeforeMs` or more than `keep`: their shards must say what goes.
   */
  overfull(userIds: readonly string[], keep: number, tombstonesBeforeMs: number): Promise<readonly string[]>;
}

/** The shards, as the job calls them. */
export interface ShardPort {
  /** `format` is the newest one of the log whose records the job knows. */
  collect(shard: number, keys: readonly RecordKey[], format: number): Promise<readonly HistoryRecord[]>;
  confirm(shard: number, confirmations: readonly Confirmation[]): Promise<void>;
  refill(shard: number, userId: string): Promise<void>;
  /** What holds for these users, as far as D1 has not confirmed it. */
  collectStates(shard: number, userIds: readonly string[]): Promise<readonly UserState[]>;
  confirmStates(shard: number, confirmed: readonly StateConfirmation[]): Promise<void>;
  /** The user has more than is kept: the shard finds out what goes. */
  settle(shard: number, userId: string): Promise<void>;
}

/** How long somebody waits for a shard's answer. */
export interface ShardPatience {
  /** By this machine's clock, in ms; infinity where nobody waits. */
  readonly deadlineAtMs: number;
  /** That is less than usual, and by the client's wish: what is late then need not be ill. */
  readonly isHurried?: boolean;
}

/** How a call of a shard is made, and whether again. */
export interface ShardCallKind {
  readonly kind: "read" | "write";
  /** Whether the call may be made again where it fails; if absent, reads may. */
  readonly idempotent?: boolean;
  /** Whose patience it has, where that is not the running request's. */
  readonly patience?: ShardPatience;
}

/**
 * Calls a method of one shard, within the time that whoever asks has left: `call` is told how much
 * that is. `what` says what was being done if it fails.
 */
export type ShardCall = <T>(
  shard: number,
  what: string,
  how: ShardCallKind,
  call: (stub: ShardRpc, remainingMs: number) => Promise<T>,
) => Promise<T>;

/** Where the mapping object keeps the mapping. */
export interface MappingStore {
  read(): KeptMapping | null;
  write(mapping: StoredMapping): void;
}

/** Where a shard keeps its copy of it. */
export interface MappingCopyStore {
  readMapping(): KeptMapping | null;
  writeMapping(mapping: StoredMapping): void;
}

/** What goes wrong without anybody waiting for an answer. */
export type FailureKind =
  | "dead_flush"
  | "dead_refill"
  | "unreadable"
  | "bad_key"
  | "bad_record"
  | "refused_batch";

/** A queue message that nobody can read, without its values. */
export interface UnreadableMessage {
  readonly id: string;
  readonly outline: string;
  readonly attempts: number;
}

export interface Failures {
  /** The cell they are of; absent: `main`. */
  readonly cell?: string;
  readonly counts: Readonly<Partial<Record<FailureKind, number>>>;
  readonly unreadable?: readonly UnreadableMessage[];
}

/** Where failures are counted for operators to see. */
export interface FailureLog {
  /** One write, however much it is. What comes twice is counted twice. */
  note(failures: Failures): Promise<void>;
}

/** What the overview shows of failures. */
export interface FailureSummary {
  readonly deadLetters: number;
  readonly rejected: number;
  readonly failures: readonly FailureCount[];
}

/** Reads what has gone wrong. Throws `UNAVAILABLE`. */
export type FailureReader = () => Promise<FailureSummary>;

/** Where a record that was set aside stands among all, in one database. */
export interface RejectedPosition extends Confirmation {
  readonly rejectedAtMs: number;
}

/** A record that was set aside in one database. */
export interface RejectedRow extends RejectedPosition {
  readonly reason: string;
  /** The record as JSON. */
  readonly record: string;
}

/** What one database has set aside. Every method throws `UNAVAILABLE`. */
export interface RejectedStore {
  /** The cell whose database it is; absent: `main`. */
  readonly cell?: string;
  /** The number of the database. */
  readonly database: number;
  /** At `from` and before it, newest first. */
  newest(from: RejectedPosition | null, limit: number): Promise<readonly RejectedRow[]>;
  oldest(limit: number): Promise<readonly RejectedRow[]>;
  find(keys: readonly Confirmation[]): Promise<readonly RejectedRow[]>;
  /**
   * Writes the record as the job would and takes the row away, if it is still as it was read, both
   * or neither. A record that is beaten by a newer one, or whose user is erased, is not written and
   * needs to be here no more. Throws `INVALID` where it is refused again.
   */
  write(row: RejectedRow, record: HistoryRecord): Promise<void>;
  /** Says why a row was refused again; nothing if it has gone. */
  refusedAgain(row: Confirmation, reason: string): Promise<void>;
}

/** Something that grows, and whose old part goes. */
export interface Retention {
  readonly what: string;
  /** Deletes some of what is too old, in bounded statements. Answers whether there may be more. */
  readonly prune: (nowMs: number) => Promise<boolean>;
}

export type { FlushMessage, QueueMessage };
