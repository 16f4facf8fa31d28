import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";
import type { FlushMessage, QueueMessage } from "./flush-message.ts";

/** What a shard's durable log gives back after a restart. */
export interface ReplayedLog {
  /** Rows to be applied in this order; a snapshot, where there is a live one, is the first. */
  readonly rows: readonly { readonly seq: number; readonly records: readonly HistoryRecord[] }[];
  /** The largest seq ever written, 0 for a new log. */
  readonly lastSeq: number;
  /** The largest revision ever written, 0 for a new log. It outlives the rows that carried it. */
  readonly revHighWater: number;
}

/** A shard's durable storage. Every method is synchronous: what one turn of the object writes is one transaction. */
export interface ShardLog {
  replay(): ReplayedLog;
  /** Writes one row. Rows below `lowWater` are not needed any more; one of them is overwritten if there is one. */
  append(row: { readonly seq: number; readonly lowWater: number; readonly records: readonly HistoryRecord[] }): void;
  /** Replaces the snapshot: everything up to `seq` that still matters is in `records`. */
  writeSnapshot(seq: number, records: readonly HistoryRecord[]): void;
  /** Users who were erased: whatever comes for them is refused. */
  erasedUsers(): ReadonlySet<string>;
  markErased(userId: string, atMs: number): void;
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
  /** The newest entries of a user, at most `limit`, in any order. Throws `UNAVAILABLE`. */
  newestOf(userId: string, limit: number): Promise<readonly HistoryRecord[]>;
}

/** One database of the history, as the job writes it. */
export interface HistoryWriter {
  /**
   * Writes each record unless the database holds a newer one of it or its user is erased. All or nothing.
   * Throws `UNAVAILABLE` where trying again may help, `INVALID` where a record itself is refused.
   */
  upsert(records: readonly HistoryRecord[]): Promise<void>;
  /** Sets a record aside that the database refuses for good, unless its user is erased. Throws where it can't. */
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

export type { FlushMessage, QueueMessage };
