import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";

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
