import type { DatabaseShare } from "./database-share.ts";
import { HybridClock } from "./hybrid-clock.ts";
import { wasLate } from "./known-state.ts";
import { LEASE_MS, LEASE_MS_MAX, leaseMsOf } from "./lease.ts";
import { oldestOf, PendingIndex, type PendingRecord, type PendingUser } from "./pending-index.ts";
import type { LoggedRecord } from "./ports.ts";
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
  /** A record is pending no longer of which rows up to `seq` say something. */
  gone(seq: number): void;
}

interface PendingSetDeps {
  readonly rows: RowReferences;
  /** How long a record may wait for its flush, in ms. */
  readonly windowMs: number;
  /** Entries of one user that may be pending: as many as retention keeps of them. */
  readonly entriesPerUserMax: number;
  /** Hears of an entry that is beyond those: it is pending no longer, and will not be written. */
  readonly onBeyond: (record: HistoryRecord) => void;
  /** Hears that a database that was failing has confirmed something. */
  readonly onHealed?: (nowMs: number) => void;
  /** The number of the database that holds a user. */
  readonly databaseOf: (userId: string) => number;
  /** Hears of a record that is pending no longer, and of the endpoint that has a value of it. */
  readonly onCopyLeft?: (record: HistoryRecord, endpoint: string) => void;
}

/** Where the value of a record is that comes into the set, as a row of the log says it. */
type PutPlace = Pick<LoggedRecord, "valueAt" | "copyAt">;

const IN_LOG: PutPlace = {};

/** What an endpoint outside of the shard has of a pending record. */
interface Place {
  readonly copyAt: string;
  /** Whether the log has the key alone: what is there is its value, and no older one. */
  readonly isElsewhere: boolean;
}

/**
 * What D1 has not confirmed yet: the newest state of each such record, since when it waits, and
 * which log row makes it durable. Found by user, so that a read of somebody who is not in memory
 * costs a look-up and not a walk.
 */
export class PendingSet {
  readonly #index: PendingIndex;
  readonly #deps: PendingSetDeps;
  /** Of records of which anything is outside of the shard. */
  readonly #places = new Map<PendingRecord, Place>();
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

  /** It is known now which database holds whom. */
  rehome(): void {
    this.#index.rehome();
  }

  /**
   * Takes a record that row `seq` made durable. Of an older one than the known no more than its
   * duration is taken, where that isn't known.
   */
  put(record: HistoryRecord, seq: number, nowMs: number, place: PutPlace = IN_LOG): void {
    const user = this.#index.user(record.userId);
    const known = user?.records.get(itemName(record));
    if (user === undefined || known === undefined) return this.#add(record, seq, nowMs, place);
    known.lastSeq = Math.max(known.lastSeq, seq);
    // I5
    const merged = mergeRecords(known.record, record);
    const isNewer = comparePositions(record, known.record) >= 0;
    this.#place(known, place, isNewer);
    if (isNewer) this.#replace(user, known, merged, seq, nowMs);
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

  /** D1 has nothing of a record's item that is newer, or that the record lacks. */
  noteNewest(key: RecordKey): void {
    const pending = this.#index.find(key);
    if (pending !== undefined) pending.isNewest = true;
  }

  /**
   * Whether what is pending of an item is the newest there is: D1 was asked, or it came as it
   * happened, so that whatever was newer had come shortly before and was in memory.
   */
  isNewest(key: RecordKey): boolean {
    const pending = this.#index.find(key);
    return pending !== undefined && (pending.isNewest || !wasLate(pending.record));
  }

  /** Whether D1 could add nothing to what is pending of an item, its duration included. */
  isWhole(key: RecordKey): boolean {
    const pending = this.#index.find(key);
    if (pending === undefined) return false;
    return pending.isNewest || (knownDuration(pending.record) !== null && !wasLate(pending.record));
  }

  /** How many records of one user are pending, tombstones among them. */
  countOf(userId: string): number {
    return this.#index.user(userId)?.records.size ?? 0;
  }

  /** How many entries of one user are pending. */
  entriesOf(userId: string): number {
    return this.#index.user(userId)?.entries ?? 0;
  }

  ofUser(userId: string): HistoryRecord[] {
    const user = this.#index.user(userId);
    return user === undefined ? [] : Array.from(user.records.values(), ({ record }) => record);
  }

  /** All records as they are written down, each with the time since when it waits. */
  all(): LoggedRecord[] {
    return Array.from(this.#index.each(), ([, pending]) =>
      placed(loggedSince(pending.record, pending.firstAtMs), this.#places.get(pending)),
    );
  }

  /**
   * A new record as it is written down, with since when it waits where its revision does not say
   * that: its item may be pending already, or the clock has been ahead.
   */
  logged(record: LoggedRecord, nowMs: number): LoggedRecord {
    const known = this.#index.find(record);
    if (known === undefined) return loggedSince(record, nowMs);
    const place = this.#places.get(known);
    const logged = loggedSince(record, known.firstAtMs);
    return place === undefined ? logged : placed(logged, { ...place, isElsewhere: false });
  }

  /** Which endpoint has a value of a pending record, and whether the log has none. */
  placeOf(key: RecordKey): Place | undefined {
    const pending = this.#places.size === 0 ? undefined : this.#index.find(key);
    return pending === undefined ? undefined : this.#places.get(pending);
  }

  /** Whether a confirmation would end a record's wait. */
  wouldEnd(confirmation: Confirmation): boolean {
    const pending = this.#index.find(confirmation);
    return pending !== undefined && isDone(pending, confirmation);
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
      pending.isCollected = false;
      keys.push({ userId: record.userId, kind: record.kind, itemId: record.itemId });
    }
    return keys;
  }

  /** Somebody wants everything sent: leases beyond the first, which have grown long, end. */
  endLongLeases(nowMs: number): void {
    this.#nextDueMs = undefined;
    for (const [{ share }, pending] of this.#index.each()) {
      if (pending.leases <= 1 || pending.leasedUntilMs <= nowMs) continue;
      // Judged now: from a lease that was cut it can't be told later when it began.
      const leasedAtMs = pending.leasedUntilMs - leaseMsOf(pending.leases - 1);
      if (nowMs - leasedAtMs >= LEASE_MS) share.leaseRanOut(leasedAtMs);
      pending.leasedUntilMs = nowMs;
    }
  }

  /** Gives up leases: the keys could not be sent. */
  unlease(keys: readonly RecordKey[]): void {
    for (const key of keys) this.#unlease(this.#index.find(key));
  }

  /** What the job was told of a user, and was not given when it asked, is sent again. */
  sendUncollected(userId: string): void {
    for (const pending of this.#index.user(userId)?.records.values() ?? [])
      if (!pending.isCollected) this.#unlease(pending);
  }

  /** The newest state of each key that is still pending, if it is one of those that are taken. */
  collect(keys: readonly RecordKey[], takes: (record: HistoryRecord) => boolean): HistoryRecord[] {
    const records: HistoryRecord[] = [];
    for (const key of keys) {
      const pending = this.#index.find(key);
      if (pending === undefined || !takes(pending.record)) continue;
      // Who has collected it before, under the same lease, may yet confirm what they have.
      if (!pending.isCollected) pending.firstAfterCollectMs = null;
      pending.isCollected = true;
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
    if (share.confirmed(nowMs)) {
      this.#sendAgain(share, nowMs);
      this.#deps.onHealed?.(nowMs);
    }
    const user = this.#index.user(confirmation.userId);
    const pending = user?.records.get(itemName(confirmation));
    if (user === undefined || pending === undefined) return;
    // I3
    if (isDone(pending, confirmation)) {
      this.#remove(user, pending);
      return;
    }
    // A job that is late has written what another one has confirmed already.
    if (pending.leasedUntilMs === 0 && !pending.isCollected) return;
    this.#nextDueMs = undefined;
    if (pending.leasedUntilMs > 0) this.#unleased += 1;
    pending.leasedUntilMs = 0;
    pending.leases = 0;
    pending.isCollected = false;
    // Several jobs may have it: what came in after the first of them is known to be no older.
    pending.firstAtMs =
      pending.firstAfterCollectMs ?? Math.min(nowMs, HybridClock.wallMsOf(pending.record.rev));
    pending.firstAfterCollectMs = null;
  }

  /** Forgets a user: they are being erased. */
  dropUser(userId: string): void {
    const user = this.#index.user(userId);
    if (user === undefined) return;
    for (const pending of user.records.values()) this.#remove(user, pending);
  }

  /** Forgets what of a user does not pass: it was cleared, or is beyond what is kept. */
  retain(userId: string, passes: (record: HistoryRecord) => boolean): void {
    const user = this.#index.user(userId);
    if (user === undefined) return;
    for (const pending of user.records.values()) if (!passes(pending.record)) this.#remove(user, pending);
  }

  /** All records are now durable in row `seq` (a snapshot). */
  moveAllTo(seq: number): void {
    for (const [, pending] of this.#index.each()) this.#move(pending, seq);
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

  #add(record: HistoryRecord, seq: number, nowMs: number, place: PutPlace): void {
    const pending: PendingRecord = {
      record,
      seq,
      lastSeq: seq,
      firstAtMs: nowMs,
      firstAfterCollectMs: null,
      isCollected: false,
      leasedUntilMs: 0,
      leases: 0,
      isNewest: false,
    };
    const user = this.#index.add(pending);
    this.#place(pending, place, true);
    this.#unleased += 1;
    this.#deps.rows.retain(seq);
    if (this.#nextDueMs !== undefined)
      this.#nextDueMs = Math.min(this.#nextDueMs ?? Number.POSITIVE_INFINITY, nowMs + this.#deps.windowMs);
    this.#trim(user);
  }

  /**
   * Retention keeps so many of a user's newest entries: the oldest would be deleted as soon as it
   * was written.
   */
  #trim(user: PendingUser): void {
    if (user.entries <= this.#deps.entriesPerUserMax) return;
    const oldest = oldestOf(user);
    const dueMs = this.#nextDueMs;
    if (oldest !== null) {
      this.#remove(user, oldest);
      this.#deps.onBeyond(oldest.record);
    }
    // Maybe it was the one that is due next. An alarm that comes early sets another; a walk over
    // everybody's records at each report of such a user is dearer.
    this.#nextDueMs = dueMs;
  }

  #unlease(pending: PendingRecord | undefined): void {
    if (pending === undefined || pending.leasedUntilMs === 0) return;
    this.#nextDueMs = undefined;
    pending.leasedUntilMs = 0;
    pending.leases -= 1;
    this.#unleased += 1;
  }

  #replace(user: PendingUser, known: PendingRecord, record: HistoryRecord, seq: number, nowMs: number): void {
    this.#index.replace(user, known, record);
    this.#move(known, seq);
    if (known.leasedUntilMs > 0) known.firstAfterCollectMs ??= nowMs;
    // An item that was deleted may be an entry again.
    this.#trim(user);
  }

  /**
   * An older record knew the duration. The row of the known one stays needed, and with it every
   * later row: the one of the older record among them.
   */
  #complete(user: PendingUser, known: PendingRecord, completed: HistoryRecord, nowMs: number): void {
    this.#index.replace(user, known, completed);
    if (known.leasedUntilMs > 0) known.firstAfterCollectMs ??= nowMs;
  }

  #move(pending: PendingRecord, seq: number): void {
    this.#deps.rows.release(pending.seq);
    this.#deps.rows.retain(seq);
    pending.seq = seq;
    pending.lastSeq = seq;
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
    this.#deps.rows.gone(pending.lastSeq);
    this.#index.remove(user, pending);
    const place = this.#places.get(pending);
    if (place === undefined) return;
    this.#places.delete(pending);
    this.#deps.onCopyLeft?.(pending.record, place.copyAt);
  }

  /** Takes note of what is outside of the shard, now that a row says where its value is. */
  #place(pending: PendingRecord, { valueAt, copyAt }: PutPlace, isNewest: boolean): void {
    const known = this.#places.get(pending);
    const endpoint = valueAt ?? copyAt ?? known?.copyAt;
    if (endpoint === undefined) return;
    const isElsewhere = isNewest ? valueAt !== undefined : known?.isElsewhere === true;
    this.#places.set(pending, { copyAt: endpoint, isElsewhere });
  }
}

function isDone({ record }: PendingRecord, confirmation: Confirmation): boolean {
  return record.rev <= confirmation.rev && knowsDurationOf(record, confirmation);
}

function knowsDurationOf(record: HistoryRecord, { durationMs }: Confirmation): boolean {
  return durationMs === undefined || knownDuration(record) === null || durationMs === record.durationMs;
}

/** What of a record only a job of this release knows what to do with. */
export function isPlain({ deleted, watched, dismissed }: HistoryRecord): boolean {
  return !deleted && watched === null && !dismissed;
}

/** With where its value is, or an older one. */
function placed(record: LoggedRecord, place: Place | undefined): LoggedRecord {
  if (place === undefined || record.valueAt !== undefined) return record;
  const { copyAt, isElsewhere } = place;
  return isElsewhere ? { ...record, valueAt: copyAt } : { ...record, copyAt };
}

function loggedSince(record: LoggedRecord, waitsSinceMs: number): LoggedRecord {
  return waitsSinceMs < HybridClock.wallMsOf(record.rev) ? { ...record, waitsSinceMs } : record;
}
