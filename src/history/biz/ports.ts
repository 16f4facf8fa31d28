import type { FailureCount } from "../../contracts/history.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";
import type { FlushMessage, QueueMessage } from "./flush-message.ts";
import type { StoredMapping } from "./shard-mapping.ts";
import type { ShardRpc } from "./shard-rpc.ts";

/** A row of a shard's log, or a chunk of its snapshot, as a restart reads it. */
export interface LogPart {
  /** The chunks of a snapshot have one number. */
  readonly seq: number;
  readonly bytes: number;
  readonly records: readonly HistoryRecord[];
}

/** What a restart learns beside the records. */
export interface ReplayEnd {
  /** The largest seq ever written, 0 for a new log. */
  readonly lastSeq: number;
  /** The largest revision ever written, 0 for a new log. It outlives the rows that carried it. */
  readonly revHighWater: number;
  /**
   * Parts of a snapshot that don't belong together: everything found has been given, and it may not
   * be all.
   */
  readonly isDamaged: boolean;
}

export interface UnwrittenRow {
  readonly seq: number;
  readonly records: readonly HistoryRecord[];
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
   * Writes rows. Those below `lowWater` are not needed any more; they are overwritten first.
   * `adopted` is the unread row whose place they take.
   *
   * @returns the bytes of each
   */
  append(rows: readonly UnwrittenRow[], lowWater: number, adopted?: number): readonly number[];
  /** Throws where these records can't be written down, whatever the state of the storage. */
  checkWritable(records: readonly HistoryRecord[]): void;
  /**
   * Replaces the snapshot: everything up to `seq` that still matters is in `records`.
   *
   * @returns its bytes
   */
  writeSnapshot(seq: number, records: readonly HistoryRecord[]): number;
  /**
   * Rows that an earlier release could not read, and the records of one; null where this one can't
   * either.
   */
  unreadIds(): readonly number[];
  readUnread(id: number): readonly HistoryRecord[] | null;
  /** Whether a user was erased: whatever comes for them is refused. */
  isErased(userId: string): boolean;
  /**
   * Refuses a user from now on and leaves no copy of what they reported: `pending` is what
   * everybody else has, to be the snapshot at `seq`.
   *
   * @returns the snapshot's bytes
   */
  erase(userId: string, atMs: number, seq: number, pending: readonly HistoryRecord[]): number;
}

/** The shard's alarm clock. */
export interface ShardAlarm {
  /** Sets the one alarm, replacing an earlier setting. */
  set(atMs: number): void;
}

/** Sends messages to the history job. */
export interface FlushQueue {
  send(messages: readonly QueueMessage[]): Promise<void>;
}

/** Reads what the job has written. */
export interface HistoryReader {
  /** The newest entries of a user, newest first, at most `limit`. Throws `UNAVAILABLE`. */
  newestOf(userId: string, limit: number): Promise<readonly HistoryRecord[]>;
}

/** One database of the history, as the job writes it. */
export interface HistoryWriter {
  /**
   * Writes each record unless the database holds a newer one of it or its user is erased. All or
   * nothing. Throws `UNAVAILABLE` where trying again may help, `INVALID` where a record itself is
   * refused.
   */
  upsert(records: readonly HistoryRecord[]): Promise<void>;
  /**
   * Sets a record aside that the database refuses for good, unless its user is erased. Throws where
   * it can't.
   */
  reject(record: Confirmation, reason: string): Promise<void>;
  /** Deletes what is beyond the newest `keep` entries of each user. */
  trim(userIds: readonly string[], keep: number): Promise<void>;
}

/** The shards, as the job calls them. */
export interface ShardPort {
  collect(shard: number, keys: readonly RecordKey[]): Promise<readonly HistoryRecord[]>;
  confirm(shard: number, confirmations: readonly Confirmation[]): Promise<void>;
  refill(shard: number, userId: string): Promise<void>;
}

/** How a call of a shard may be made again. */
export interface ShardCallKind {
  readonly kind: "read" | "write";
  /** Whether the call may be made again where it fails; if absent, reads may. */
  readonly idempotent?: boolean;
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
  read(): StoredMapping | null;
  write(mapping: StoredMapping): void;
}

/** Where a shard keeps its copy of it. */
export interface MappingCopyStore {
  readMapping(): StoredMapping | null;
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
