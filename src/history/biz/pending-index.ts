import { DatabaseShare } from "./database-share.ts";
import { UNKNOWN_DATABASE } from "./placement.ts";
import {
  comparePositions,
  itemName,
  recordBytes,
  storedBytes,
  type HistoryRecord,
  type RecordKey,
} from "./record.ts";

export interface PendingRecord {
  record: HistoryRecord;
  /** The log row that holds `record`. */
  seq: number;
  /** The newest log row that says anything of it, and be it what had been overtaken already. */
  lastSeq: number;
  /**
   * When the first mutation that D1 has not confirmed came in, in ms. A busy item must not dodge
   * the window.
   */
  firstAtMs: number;
  /**
   * The first mutation after the job collected the record, in ms: what its age counts from once
   * that is confirmed.
   */
  firstAfterCollectMs: number | null;
  /** Whether the job has collected it since it was leased. */
  isCollected: boolean;
  /** Until then the job is trusted to confirm it, in ms; 0 while nobody was asked. */
  leasedUntilMs: number;
  /** How often the job has been asked since it last confirmed anything of this record. */
  leases: number;
  /** D1 was asked what it has of the item: nothing that is newer, or that the record lacks. */
  isNewest: boolean;
}

export interface PendingUser {
  readonly userId: string;
  share: DatabaseShare;
  readonly records: Map<string, PendingRecord>;
  /** How many of the records are entries, and no tombstones. */
  entries: number;
}

/** A user's entry beside their records, in bytes. */
export const USER_OVERHEAD_BYTES = 420;
const STORED_USER_BYTES = 40;

/** Pending records by user, and what they weigh: all together, and for each database. */
export class PendingIndex {
  readonly #users = new Map<string, PendingUser>();
  readonly #shares = new Map<number, DatabaseShare>();
  readonly #databaseOf: (userId: string) => number;
  #count = 0;
  #bytes = 0;
  #storedBytes = 0;

  constructor(databaseOf: (userId: string) => number) {
    this.#databaseOf = databaseOf;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  get shares(): Iterable<DatabaseShare> {
    return this.#shares.values();
  }

  shareFor(database: number): DatabaseShare {
    let share = this.#shares.get(database);
    if (share === undefined) {
      share = new DatabaseShare(database);
      this.#shares.set(database, share);
    }
    return share;
  }

  shareOf(userId: string): DatabaseShare {
    return this.shareFor(this.#databaseOf(userId));
  }

  /** It is known now which database holds whom: what users have pending waits for that one. */
  rehome(): void {
    for (const user of this.#users.values()) {
      const share = this.shareOf(user.userId);
      if (share === user.share) continue;
      let bytes = USER_OVERHEAD_BYTES;
      for (const { record } of user.records.values()) bytes += recordBytes(record);
      for (const [of, sign] of [[user.share, -1] as const, [share, 1] as const]) {
        of.count += sign * user.records.size;
        of.bytes += sign * bytes;
      }
      user.share = share;
    }
    this.#shares.delete(UNKNOWN_DATABASE);
  }

  user(userId: string): PendingUser | undefined {
    return this.#users.get(userId);
  }

  find(key: RecordKey): PendingRecord | undefined {
    return this.#users.get(key.userId)?.records.get(itemName(key));
  }

  *each(): Generator<[PendingUser, PendingRecord]> {
    for (const user of this.#users.values())
      for (const pending of user.records.values()) yield [user, pending];
  }

  /** Adds a record that is not there yet. */
  add(pending: PendingRecord): PendingUser {
    const { userId } = pending.record;
    const user = this.#users.get(userId) ?? this.#addUser(userId);
    user.records.set(itemName(pending.record), pending);
    this.#weigh(user, pending.record, 1);
    return user;
  }

  /** Puts a newer state in the place of the known one. */
  replace(user: PendingUser, pending: PendingRecord, record: HistoryRecord): void {
    this.#weigh(user, pending.record, -1);
    this.#weigh(user, record, 1);
    pending.record = record;
  }

  remove(user: PendingUser, pending: PendingRecord): void {
    user.records.delete(itemName(pending.record));
    this.#weigh(user, pending.record, -1);
    if (user.records.size > 0) return;
    this.#users.delete(user.userId);
    user.share.bytes -= USER_OVERHEAD_BYTES;
    this.#bytes -= USER_OVERHEAD_BYTES;
    this.#storedBytes -= STORED_USER_BYTES;
  }

  #addUser(userId: string): PendingUser {
    const user: PendingUser = { userId, share: this.shareOf(userId), records: new Map(), entries: 0 };
    this.#users.set(userId, user);
    user.share.bytes += USER_OVERHEAD_BYTES;
    this.#bytes += USER_OVERHEAD_BYTES;
    this.#storedBytes += STORED_USER_BYTES;
    return user;
  }

  #weigh(user: PendingUser, record: HistoryRecord, sign: 1 | -1): void {
    const { share } = user;
    const bytes = sign * recordBytes(record);
    if (!record.deleted) user.entries += sign;
    this.#count += sign;
    this.#bytes += bytes;
    this.#storedBytes += sign * storedBytes(record);
    share.count += sign;
    share.bytes += bytes;
  }
}

/** The one of a user's entries that retention would delete first. */
export function oldestOf({ records }: PendingUser): PendingRecord | null {
  let oldest: PendingRecord | null = null;
  for (const pending of records.values()) {
    if (pending.record.deleted) continue;
    if (oldest === null || comparePositions(pending.record, oldest.record) < 0) oldest = pending;
  }
  return oldest;
}
