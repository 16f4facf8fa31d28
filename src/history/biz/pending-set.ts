import { DatabaseShare } from "./database-share.ts";
import { comparePositions, itemName, recordBytes, storedBytes, type Confirmation, type HistoryRecord, type RecordKey } from "./record.ts";

interface PendingRecord {
  record: HistoryRecord;
  /** The log row that holds `record`. */
  seq: number;
  /** When the first mutation that D1 has not confirmed came in, in ms. A busy item must not dodge the window. */
  firstAtMs: number;
  /** The first mutation after the job collected the record, in ms: what its age counts from once that is confirmed. */
  firstAfterCollectMs: number | null;
  /** Until then the job is trusted to confirm it, in ms; 0 while nobody was asked. */
  leasedUntilMs: number;
  /** How often the job has been asked since it last confirmed anything of this record. */
  leases: number;
}

interface PendingUser {
  readonly share: DatabaseShare;
  readonly records: Map<string, PendingRecord>;
}

/** Counts which log rows still hold the only durable copy of something. */
export interface RowReferences {
  retain(seq: number): void;
  release(seq: number): void;
}

interface PendingSetDeps {
  readonly rows: RowReferences;
  /** How long a record may wait for its flush, in ms. */
  readonly windowMs: number;
  /** Records of one user that may be pending: as many as retention keeps of them. */
  readonly recordsPerUserMax: number;
  /** The number of the database that holds a user. */
  readonly databaseOf: (userId: string) => number;
}

/** How long the job is trusted to confirm a key before it is sent again, in ms: the first time, and at most. */
const LEASE_MS = 60_000;
const LEASE_MS_MAX = 600_000;
/** A user's entry beside their records, in bytes. */
const USER_OVERHEAD_BYTES = 420;
const STORED_USER_BYTES = 40;

/**
 * What D1 has not confirmed yet: the newest state of each such record, since when it waits, and which log row makes it durable. Found by
 * user, so that a read of somebody who is not in memory costs a look-up and not a walk.
 */
export class PendingSet {
  readonly #users = new Map<string, PendingUser>();
  readonly #shares = new Map<number, DatabaseShare>();
  readonly #deps: PendingSetDeps;
  #count = 0;
  #unleased = 0;
  #bytes = 0;
  #storedBytes = 0;
  /** Cached answer of {@link nextDueMs}; undefined when a record has left or changed its lease since. */
  #nextDueMs: number | null | undefined = null;

  constructor(deps: PendingSetDeps) {
    this.#deps = deps;
  }

  get count(): number {
    return this.#count;
  }

  /** Records that the job has not been asked to write. */
  get unleased(): number {
    return this.#unleased;
  }

  /** The memory it takes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What a snapshot of it takes, at most. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** What waits for one database. */
  shareFor(database: number): DatabaseShare {
    let share = this.#shares.get(database);
    if (share === undefined) {
      share = new DatabaseShare(database);
      this.#shares.set(database, share);
    }
    return share;
  }

  get shares(): Iterable<DatabaseShare> {
    return this.#shares.values();
  }

  /** Takes a record that row `seq` made durable. An older one than the known changes nothing. */
  put(record: HistoryRecord, seq: number, nowMs: number): void {
    const user = this.#users.get(record.userId) ?? this.#addUser(record.userId);
    const name = itemName(record);
    const known = user.records.get(name);
    if (known === undefined) {
      user.records.set(name, { record, seq, firstAtMs: nowMs, firstAfterCollectMs: null, leasedUntilMs: 0, leases: 0 });
      this.#unleased += 1;
      this.#weigh(user, record, 1);
      this.#deps.rows.retain(seq);
      if (this.#nextDueMs !== undefined)
        this.#nextDueMs = Math.min(this.#nextDueMs ?? Number.POSITIVE_INFINITY, nowMs + this.#deps.windowMs);
      if (user.records.size > this.#deps.recordsPerUserMax) this.#dropOldest(record.userId, user);
      return;
    }
    if (comparePositions(record, known.record) < 0) return;
    this.#weigh(user, known.record, -1);
    this.#weigh(user, record, 1);
    this.#deps.rows.release(known.seq);
    this.#deps.rows.retain(seq);
    known.record = record;
    known.seq = seq;
    if (known.leasedUntilMs > 0) known.firstAfterCollectMs ??= nowMs;
  }

  get(key: RecordKey): HistoryRecord | undefined {
    return this.#find(key)?.record;
  }

  /** How many records of one user are pending. */
  countOf(userId: string): number {
    return this.#users.get(userId)?.records.size ?? 0;
  }

  ofUser(userId: string): HistoryRecord[] {
    const user = this.#users.get(userId);
    return user === undefined ? [] : Array.from(user.records.values(), ({ record }) => record);
  }

  all(): HistoryRecord[] {
    return Array.from(this.#each(), ([, { record }]) => record);
  }

  /**
   * Leases the records whose turn has come: unleased ones that wait since `waitingSinceMs` or longer, and those whose lease has run out.
   * Each further lease of a record is twice as long: while a database is away its keys must not fill the queue.
   *
   * @returns their keys, to be sent to the job
   */
  lease(waitingSinceMs: number, nowMs: number): RecordKey[] {
    const keys: RecordKey[] = [];
    this.#nextDueMs = undefined;
    for (const [{ share }, pending] of this.#each()) {
      const { leasedUntilMs, firstAtMs, leases, record } = pending;
      if (leasedUntilMs === 0 ? firstAtMs > waitingSinceMs : leasedUntilMs > nowMs) continue;
      if (leasedUntilMs === 0) this.#unleased -= 1;
      else share.leaseRanOut(leasedUntilMs - leaseMsOf(leases - 1));
      pending.leasedUntilMs = nowMs + leaseMsOf(leases);
      pending.leases += 1;
      keys.push({ userId: record.userId, kind: record.kind, itemId: record.itemId });
    }
    return keys;
  }

  /** Gives up leases: the keys could not be sent. */
  unlease(keys: readonly RecordKey[]): void {
    this.#nextDueMs = undefined;
    for (const key of keys) {
      const pending = this.#find(key);
      if (pending === undefined || pending.leasedUntilMs === 0) continue;
      pending.leasedUntilMs = 0;
      pending.leases -= 1;
      this.#unleased += 1;
    }
  }

  /** The newest state of each key that is still pending. */
  collect(keys: readonly RecordKey[]): HistoryRecord[] {
    const records: HistoryRecord[] = [];
    for (const key of keys) {
      const pending = this.#find(key);
      if (pending === undefined) continue;
      pending.firstAfterCollectMs = null;
      records.push(pending.record);
    }
    return records;
  }

  /** D1 holds revision `rev`: the record is pending no longer, unless a newer one came in since. */
  confirm(confirmation: Confirmation, nowMs: number): void {
    const share = this.shareFor(this.#deps.databaseOf(confirmation.userId));
    if (share.confirmed(nowMs)) this.#sendAgain(share, nowMs);
    const user = this.#users.get(confirmation.userId);
    const name = itemName(confirmation);
    const pending = user?.records.get(name);
    if (user === undefined || pending === undefined) return;
    if (pending.record.rev <= confirmation.rev) {
      this.#remove(confirmation.userId, user, name, pending);
      return;
    }
    this.#nextDueMs = undefined;
    if (pending.leasedUntilMs > 0) this.#unleased += 1;
    pending.leasedUntilMs = 0;
    pending.leases = 0;
    pending.firstAtMs = pending.firstAfterCollectMs ?? nowMs;
    pending.firstAfterCollectMs = null;
  }

  /** Forgets a user: they are being erased. */
  dropUser(userId: string): void {
    const user = this.#users.get(userId);
    if (user === undefined) return;
    for (const [name, pending] of user.records) this.#remove(userId, user, name, pending);
  }

  /** Each record is now durable in the row that `seqOf` names (a snapshot). */
  moveAllTo(seq: number): void {
    for (const [, pending] of this.#each()) {
      this.#deps.rows.release(pending.seq);
      pending.seq = seq;
      this.#deps.rows.retain(seq);
    }
  }

  /** The wall clock turns out to be behind what it said before: nothing waits since the future, and no lease lasts beyond the longest. */
  clampTo(nowMs: number): void {
    this.#nextDueMs = undefined;
    for (const [, pending] of this.#each()) {
      pending.firstAtMs = Math.min(pending.firstAtMs, nowMs);
      pending.leasedUntilMs = Math.min(pending.leasedUntilMs, nowMs + LEASE_MS_MAX);
      if (pending.firstAfterCollectMs !== null) pending.firstAfterCollectMs = Math.min(pending.firstAfterCollectMs, nowMs);
    }
    for (const share of this.#shares.values()) share.clampTo(nowMs);
  }

  /** Since when the longest-waiting record waits, in ms; null if nothing is pending. */
  oldestMs(): number | null {
    let oldest: number | null = null;
    for (const [, { firstAtMs }] of this.#each()) if (oldest === null || firstAtMs < oldest) oldest = firstAtMs;
    return oldest;
  }

  /** When the next record is due, in ms; null if nothing is pending. A walk over the set only after something has left it. */
  nextDueMs(): number | null {
    if (this.#nextDueMs !== undefined) return this.#nextDueMs;
    let next: number | null = null;
    for (const [, { leasedUntilMs, firstAtMs }] of this.#each()) {
      const due = leasedUntilMs === 0 ? firstAtMs + this.#deps.windowMs : leasedUntilMs;
      if (next === null || due < next) next = due;
    }
    this.#nextDueMs = next;
    return next;
  }

  *#each(): Generator<[PendingUser, PendingRecord]> {
    for (const user of this.#users.values()) for (const pending of user.records.values()) yield [user, pending];
  }

  #find(key: RecordKey): PendingRecord | undefined {
    return this.#users.get(key.userId)?.records.get(itemName(key));
  }

  #addUser(userId: string): PendingUser {
    const user = { share: this.shareFor(this.#deps.databaseOf(userId)), records: new Map<string, PendingRecord>() };
    this.#users.set(userId, user);
    user.share.bytes += USER_OVERHEAD_BYTES;
    this.#bytes += USER_OVERHEAD_BYTES;
    this.#storedBytes += STORED_USER_BYTES;
    return user;
  }

  #weigh({ share }: PendingUser, record: HistoryRecord, sign: 1 | -1): void {
    const bytes = sign * recordBytes(record);
    this.#count += sign;
    this.#bytes += bytes;
    this.#storedBytes += sign * storedBytes(record);
    share.count += sign;
    share.bytes += bytes;
  }

  /** The database answers again: what was left alone for longer and longer is sent now. */
  #sendAgain(share: DatabaseShare, nowMs: number): void {
    this.#nextDueMs = undefined;
    for (const [user, pending] of this.#each()) {
      if (user.share !== share || pending.leases <= 1) continue;
      pending.leasedUntilMs = Math.min(pending.leasedUntilMs, nowMs);
      pending.leases = 1;
    }
  }

  /** Retention keeps so many of a user's newest entries, and here is one more: the oldest would be deleted as soon as it was written. */
  #dropOldest(userId: string, user: PendingUser): void {
    let oldest: [string, PendingRecord] | null = null;
    for (const entry of user.records) if (oldest === null || comparePositions(entry[1].record, oldest[1].record) < 0) oldest = entry;
    if (oldest !== null) this.#remove(userId, user, oldest[0], oldest[1]);
  }

  #remove(userId: string, user: PendingUser, name: string, pending: PendingRecord): void {
    this.#nextDueMs = undefined;
    user.records.delete(name);
    if (pending.leasedUntilMs === 0) this.#unleased -= 1;
    this.#weigh(user, pending.record, -1);
    this.#deps.rows.release(pending.seq);
    if (user.records.size > 0) return;
    this.#users.delete(userId);
    user.share.bytes -= USER_OVERHEAD_BYTES;
    this.#bytes -= USER_OVERHEAD_BYTES;
    this.#storedBytes -= STORED_USER_BYTES;
  }
}

function leaseMsOf(leases: number): number {
  return Math.min(LEASE_MS_MAX, LEASE_MS * 2 ** Math.max(0, leases));
}
