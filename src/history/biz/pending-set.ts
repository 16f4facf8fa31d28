import { comparePositions, recordBytes, recordName, type Confirmation, type HistoryRecord, type RecordKey } from "./record.ts";

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
}

/** Counts which log rows still hold the only durable copy of something. */
export interface RowReferences {
  retain(seq: number): void;
  release(seq: number): void;
}

/**
 * What D1 has not confirmed yet: the newest state of each such record, since when it waits, and which log row makes it durable.
 */
export class PendingSet {
  readonly #records = new Map<string, PendingRecord>();
  readonly #rows: RowReferences;
  readonly #windowMs: number;
  #bytes = 0;
  /** Cached answer of {@link nextDueMs}; undefined when a record has left or changed its lease since. */
  #nextDueMs: number | null | undefined = null;

  /** @param windowMs - how long a record may wait for its flush */
  constructor(rows: RowReferences, windowMs: number) {
    this.#rows = rows;
    this.#windowMs = windowMs;
  }

  get count(): number {
    return this.#records.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a record that row `seq` made durable. An older one than the known changes nothing. */
  put(record: HistoryRecord, seq: number, nowMs: number): void {
    const name = recordName(record);
    const known = this.#records.get(name);
    if (known === undefined) {
      this.#records.set(name, { record, seq, firstAtMs: nowMs, firstAfterCollectMs: null, leasedUntilMs: 0 });
      if (this.#nextDueMs !== undefined) this.#nextDueMs = Math.min(this.#nextDueMs ?? Number.POSITIVE_INFINITY, nowMs + this.#windowMs);
    } else if (comparePositions(record, known.record) < 0) {
      return;
    } else {
      this.#bytes -= recordBytes(known.record);
      this.#rows.release(known.seq);
      known.record = record;
      known.seq = seq;
      if (known.leasedUntilMs > 0) known.firstAfterCollectMs ??= nowMs;
    }
    this.#bytes += recordBytes(record);
    this.#rows.retain(seq);
  }

  get(key: RecordKey): HistoryRecord | undefined {
    return this.#records.get(recordName(key))?.record;
  }

  /** Everything pending of one user. Costs a walk over the whole set; asked only when a user is not in memory. */
  ofUser(userId: string): HistoryRecord[] {
    return this.all().filter((record) => record.userId === userId);
  }

  all(): HistoryRecord[] {
    return Array.from(this.#records.values(), ({ record }) => record);
  }

  /**
   * Leases the records whose turn has come: unleased ones that wait since `waitingSinceMs` or longer, and those whose lease has run out.
   *
   * @returns their keys, to be sent to the job
   */
  lease(waitingSinceMs: number, nowMs: number, leaseMs: number): RecordKey[] {
    const keys: RecordKey[] = [];
    this.#nextDueMs = undefined;
    for (const pending of this.#records.values()) {
      const due = pending.leasedUntilMs === 0 ? pending.firstAtMs <= waitingSinceMs : pending.leasedUntilMs <= nowMs;
      if (!due) continue;
      pending.leasedUntilMs = nowMs + leaseMs;
      const { userId, kind, itemId } = pending.record;
      keys.push({ userId, kind, itemId });
    }
    return keys;
  }

  /** Gives up leases: the keys could not be sent. */
  unlease(keys: readonly RecordKey[]): void {
    this.#nextDueMs = undefined;
    for (const key of keys) {
      const pending = this.#records.get(recordName(key));
      if (pending !== undefined) pending.leasedUntilMs = 0;
    }
  }

  /** The newest state of each key that is still pending. */
  collect(keys: readonly RecordKey[]): HistoryRecord[] {
    const records: HistoryRecord[] = [];
    for (const key of keys) {
      const pending = this.#records.get(recordName(key));
      if (pending === undefined) continue;
      pending.firstAfterCollectMs = null;
      records.push(pending.record);
    }
    return records;
  }

  /** D1 holds revision `rev`: the record is pending no longer, unless a newer one came in since. */
  confirm(confirmation: Confirmation, nowMs: number): void {
    const name = recordName(confirmation);
    const pending = this.#records.get(name);
    if (pending === undefined) return;
    if (pending.record.rev <= confirmation.rev) {
      this.#remove(name, pending);
      return;
    }
    this.#nextDueMs = undefined;
    pending.leasedUntilMs = 0;
    pending.firstAtMs = pending.firstAfterCollectMs ?? nowMs;
    pending.firstAfterCollectMs = null;
  }

  /** Forgets a user: they are being erased. */
  dropUser(userId: string): void {
    for (const [name, pending] of this.#records) if (pending.record.userId === userId) this.#remove(name, pending);
  }

  /** All records are now durable in row `seq` (a snapshot). */
  moveAllTo(seq: number): void {
    for (const pending of this.#records.values()) {
      this.#rows.release(pending.seq);
      pending.seq = seq;
      this.#rows.retain(seq);
    }
  }

  /** Since when the longest-waiting record waits, in ms; null if nothing is pending. */
  oldestMs(): number | null {
    let oldest: number | null = null;
    for (const { firstAtMs } of this.#records.values()) if (oldest === null || firstAtMs < oldest) oldest = firstAtMs;
    return oldest;
  }

  /** When the next record is due, in ms; null if nothing is pending. A walk over the set only after something has left it. */
  nextDueMs(): number | null {
    if (this.#nextDueMs !== undefined) return this.#nextDueMs;
    let next: number | null = null;
    for (const { leasedUntilMs, firstAtMs } of this.#records.values()) {
      const due = leasedUntilMs === 0 ? firstAtMs + this.#windowMs : leasedUntilMs;
      if (next === null || due < next) next = due;
    }
    this.#nextDueMs = next;
    return next;
  }

  #remove(name: string, pending: PendingRecord): void {
    this.#nextDueMs = undefined;
    this.#records.delete(name);
    this.#bytes -= recordBytes(pending.record);
    this.#rows.release(pending.seq);
  }
}
