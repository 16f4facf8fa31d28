import type { DatabaseShare } from "./database-share.ts";
import { oldestOf, PendingIndex, type PendingRecord, type PendingUser } from "./pending-index.ts";
import {
  comparePositions,
  itemName,
  knownDuration,
  mergeRecords,
  type Confirmation,
  type HistoryRecord,
  type RecordKey,
} from "./record.ts";

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

/**
 * How long the job is trusted to confirm a key before it is sent again, in ms: the first time, and
 * at most.
 */
const LEASE_MS = 60_000;
const LEASE_MS_MAX = 600_000;

/**
 * What D1 has not confirmed yet: the newest state of each such record, since when it waits, and
 * which log row makes it durable. Found by user, so that a read of somebody who is not in memory
 * costs a look-up and not a walk.
 */
export class PendingSet {
  readonly #index: PendingIndex;
  readonly #deps: PendingSetDeps;
  #unleased = 0;
  /**
   * Cached answer of {@link nextDueMs}; undefined when a record has left or changed its lease
   * since.
   */
  #nextDueMs: number | null | undefined = null;

  constructor(deps: PendingSetDeps) {
    this.#deps = deps;
    this.#index = new PendingIndex(deps.databaseOf);
  }

  get count(): number {
    return this.#index.count;
  }

  /** Records that the job has not been asked to write. */
  get unleased(): number {
    return this.#unleased;
  }

  /** The memory it takes. */
  get bytes(): number {
    return this.#index.bytes;
  }

  /** What a snapshot of it takes, at most. */
  get storedBytes(): number {
    return this.#index.storedBytes;
  }

  get shares(): Iterable<DatabaseShare> {
    return this.#index.shares;
  }

  /** What waits for one database. */
  shareFor(database: number): DatabaseShare {
    return this.#index.shareFor(database);
  }

  /**
   * Takes a record that row `seq` made durable. Of an older one than the known no more than its
   * duration is taken, where that isn't known.
   */
  put(record: HistoryRecord, seq: number, nowMs: number): void {
    const user = this.#index.user(record.userId);
    const known = user?.records.get(itemName(record));
    if (user === undefined || known === undefined) return this.#add(record, seq, nowMs);
    // I5
    const merged = mergeRecords(known.record, record);
    if (comparePositions(record, known.record) >= 0) this.#replace(user, known, merged, seq, nowMs);
    else if (merged !== known.record) this.#complete(user, known, merged, nowMs);
  }

  /** What is known of an item's duration, null where nothing is. */
  durationOf(key: RecordKey): number | null {
    const record = this.get(key);
    return record === undefined ? null : knownDuration(record);
  }

  get(key: RecordKey): HistoryRecord | undefined {
    return this.#index.find(key)?.record;
  }

  /** How many records of one user are pending. */
  countOf(userId: string): number {
    return this.#index.user(userId)?.records.size ?? 0;
  }

  ofUser(userId: string): HistoryRecord[] {
    const user = this.#index.user(userId);
    return user === undefined ? [] : Array.from(user.records.values(), ({ record }) => record);
  }

  all(): HistoryRecord[] {
    return Array.from(this.#index.each(), ([, { record }]) => record);
  }

  /**
   * Leases the records whose turn has come: unleased ones that wait since `waitingSinceMs` or
   * longer, and those whose lease has run out. Each further lease of a record is twice as long:
   * while a database is away its keys must not fill the queue.
   *
   * @returns their keys, to be sent to the job
   */
  lease(waitingSinceMs: number, nowMs: number): RecordKey[] {
    const keys: RecordKey[] = [];
    this.#nextDueMs = undefined;
    for (const [{ share }, pending] of this.#index.each()) {
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

  /** Somebody wants everything sent: leases beyond the first, which have grown long, end. */
  endLongLeases(nowMs: number): void {
    this.#nextDueMs = undefined;
    for (const [, pending] of this.#index.each())
      if (pending.leases > 1) pending.leasedUntilMs = Math.min(pending.leasedUntilMs, nowMs);
  }

  /** Gives up leases: the keys could not be sent. */
  unlease(keys: readonly RecordKey[]): void {
    this.#nextDueMs = undefined;
    for (const key of keys) {
      const pending = this.#index.find(key);
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
      const pending = this.#index.find(key);
      if (pending === undefined) continue;
      pending.firstAfterCollectMs = null;
      records.push(pending.record);
    }
    return records;
  }

  /**
   * D1 holds revision `rev`: the record is pending no longer, unless a newer one, or its duration,
   * came in since.
   */
  confirm(confirmation: Confirmation, nowMs: number): void {
    const share = this.#index.shareOf(confirmation.userId);
    if (share.confirmed(nowMs)) this.#sendAgain(share, nowMs);
    const user = this.#index.user(confirmation.userId);
    const pending = user?.records.get(itemName(confirmation));
    if (user === undefined || pending === undefined) return;
    // I3
    if (pending.record.rev <= confirmation.rev && knowsDurationOf(pending.record, confirmation)) {
      this.#remove(user, pending);
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
    const user = this.#index.user(userId);
    if (user === undefined) return;
    for (const pending of user.records.values()) this.#remove(user, pending);
  }

  /** All records are now durable in row `seq` (a snapshot). */
  moveAllTo(seq: number): void {
    for (const [, pending] of this.#index.each()) {
      this.#deps.rows.release(pending.seq);
      pending.seq = seq;
      this.#deps.rows.retain(seq);
    }
  }

  /**
   * The wall clock turns out to be behind what it said before: nothing waits since the future, and
   * no lease lasts beyond the longest.
   */
  clampTo(nowMs: number): void {
    this.#nextDueMs = undefined;
    for (const [, pending] of this.#index.each()) {
      pending.firstAtMs = Math.min(pending.firstAtMs, nowMs);
      pending.leasedUntilMs = Math.min(pending.leasedUntilMs, nowMs + LEASE_MS_MAX);
      if (pending.firstAfterCollectMs !== null)
        pending.firstAfterCollectMs = Math.min(pending.firstAfterCollectMs, nowMs);
    }
    for (const share of this.#index.shares) share.clampTo(nowMs);
  }

  /** Since when the longest-waiting record waits, in ms; null if nothing is pending. */
  oldestMs(): number | null {
    let oldest: number | null = null;
    for (const [, { firstAtMs }] of this.#index.each())
      if (oldest === null || firstAtMs < oldest) oldest = firstAtMs;
    return oldest;
  }

  /**
   * When the next record is due, in ms; null if nothing is pending. A walk over the set only after
   * something has left it.
   */
  nextDueMs(): number | null {
    if (this.#nextDueMs !== undefined) return this.#nextDueMs;
    let next: number | null = null;
    for (const [, { leasedUntilMs, firstAtMs }] of this.#index.each()) {
      const due = leasedUntilMs === 0 ? firstAtMs + this.#deps.windowMs : leasedUntilMs;
      if (next === null || due < next) next = due;
    }
    this.#nextDueMs = next;
    return next;
  }

  #add(record: HistoryRecord, seq: number, nowMs: number): void {
    const user = this.#index.add({
      record,
      seq,
      firstAtMs: nowMs,
      firstAfterCollectMs: null,
      leasedUntilMs: 0,
      leases: 0,
    });
    this.#unleased += 1;
    this.#deps.rows.retain(seq);
    if (this.#nextDueMs !== undefined)
      this.#nextDueMs = Math.min(this.#nextDueMs ?? Number.POSITIVE_INFINITY, nowMs + this.#deps.windowMs);
    if (user.records.size <= this.#deps.recordsPerUserMax) return;
    // Retention keeps so many of a user's newest entries: the oldest would be deleted as soon as it
    // was written.
    const oldest = oldestOf(user);
    const dueMs = this.#nextDueMs;
    if (oldest !== null) this.#remove(user, oldest);
    // Maybe it was the one that is due next. An alarm that comes early sets another; a walk over
    // everybody's records at each report of such a user is dearer.
    this.#nextDueMs = dueMs;
  }

  #replace(user: PendingUser, known: PendingRecord, record: HistoryRecord, seq: number, nowMs: number): void {
    this.#index.replace(user, known, record);
    this.#deps.rows.release(known.seq);
    this.#deps.rows.retain(seq);
    known.seq = seq;
    if (known.leasedUntilMs > 0) known.firstAfterCollectMs ??= nowMs;
  }

  /**
   * An older record knew the duration. The row of the known one stays needed, and with it every
   * later row: the one of the older record among them.
   */
  #complete(user: PendingUser, known: PendingRecord, completed: HistoryRecord, nowMs: number): void {
    this.#index.replace(user, known, completed);
    if (known.leasedUntilMs > 0) known.firstAfterCollectMs ??= nowMs;
  }

  /** The database answers again: what was left alone for longer and longer is sent now. */
  #sendAgain(share: DatabaseShare, nowMs: number): void {
    this.#nextDueMs = undefined;
    for (const [user, pending] of this.#index.each()) {
      if (user.share !== share || pending.leases <= 1) continue;
      pending.leasedUntilMs = Math.min(pending.leasedUntilMs, nowMs);
      pending.leases = 1;
    }
  }

  #remove(user: PendingUser, pending: PendingRecord): void {
    this.#nextDueMs = undefined;
    if (pending.leasedUntilMs === 0) this.#unleased -= 1;
    this.#deps.rows.release(pending.seq);
    this.#index.remove(user, pending);
  }
}

function knowsDurationOf(record: HistoryRecord, { durationMs }: Confirmation): boolean {
  return durationMs === undefined || knownDuration(record) === null || durationMs === record.durationMs;
}

function leaseMsOf(leases: number): number {
  return Math.min(LEASE_MS_MAX, LEASE_MS * 2 ** Math.max(0, leases));
}
