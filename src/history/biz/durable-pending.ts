import type { Clock } from "../../resilience/clock.ts";
import { completeRecords } from "./complete-records.ts";
import { HybridClock } from "./hybrid-clock.ts";
import { LogRows } from "./log-rows.ts";
import { PendingSet } from "./pending-set.ts";
import type { LogPart, ShardLog } from "./ports.ts";
import type { Confirmation, HistoryRecord } from "./record.ts";

interface DurablePendingDeps {
  readonly log: ShardLog;
  readonly limits: {
    readonly flushWindowMs: number;
    readonly entriesPerUserMax: number;
    /** Live log rows beyond which what is pending moves into a snapshot. */
    readonly liveRowsMax: number;
  };
  readonly databaseOf: (userId: string) => number;
  readonly now: Clock;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

/** Records in one log row: at some 350 bytes each at most, well below a row's 1 MB. */
const RECORDS_PER_ROW_MAX = 2_000;
/**
 * A log with this many times the bytes of what is pending in it is mostly history, and a restart
 * would read all of it.
 */
const LIVE_TO_PENDING_MAX = 4;
const LIVE_BYTES_MAX = 8_000_000;
/** Below it no log is worth a snapshot. */
const LIVE_BYTES_MIN = 64_000;
const COMPACT_RETRY_MS = 10_000;

/**
 * What is pending, and the log that makes it so: rows are written first and memory is changed after
 * them, in one turn; a restart reads them back; a snapshot takes the place of rows when they have
 * become many for what they hold.
 */
export class DurablePending {
  readonly pending: PendingSet;
  readonly clock: HybridClock;
  readonly #deps: DurablePendingDeps;
  readonly #rows = new LogRows();
  #compactNotBeforeMs = 0;

  /** Reads the log back. */
  constructor(deps: DurablePendingDeps) {
    this.#deps = deps;
    const { limits, databaseOf } = deps;
    this.pending = new PendingSet({
      rows: this.#rows,
      windowMs: limits.flushWindowMs,
      recordsPerUserMax: limits.entriesPerUserMax,
      databaseOf,
    });
    this.clock = new HybridClock(this.#replay());
  }

  get liveLogRows(): number {
    return this.#rows.liveCount;
  }

  get liveLogBytes(): number {
    return this.#rows.liveBytes;
  }

  /**
   * Writes the rows, all or none, then takes the records: there is no `await` in here and there
   * must never be one.
   */
  write(given: readonly HistoryRecord[], nowMs: number, adopted?: number): void {
    const records = completeRecords(given, (record) => this.pending.durationOf(record));
    const rows = [];
    for (let from = 0; from < records.length; from += RECORDS_PER_ROW_MAX)
      rows.push({
        seq: this.#rows.lastSeq + 1 + rows.length,
        records: records.slice(from, from + RECORDS_PER_ROW_MAX),
      });
    if (rows.length === 0 && adopted === undefined) return;
    // I1
    const bytes = this.#deps.log.append(rows, this.#rows.lowWater(), adopted);
    for (const [index, row] of rows.entries()) this.#take({ ...row, bytes: bytes[index] ?? 0 }, () => nowMs);
    this.#compactIfDue(nowMs);
  }

  /**
   * D1 holds these revisions. Where nothing is left, the log says so: else an object that sleeps
   * would find what is confirmed pending at every wake, and flush it again, and be woken by that.
   */
  confirm(confirmations: readonly Confirmation[], nowMs: number): void {
    const before = this.pending.count;
    for (const confirmation of confirmations) this.pending.confirm(confirmation, nowMs);
    if (before > 0 && this.pending.count === 0) this.#noteEmpty();
  }

  /** Forgets a user, in memory and in the log, and remembers that they are erased. */
  erase(userId: string, nowMs: number): void {
    const seq = this.#rows.lastSeq + 1;
    const others = this.pending.all().filter((record) => record.userId !== userId);
    const bytes = this.#deps.log.erase(userId, nowMs, seq, others);
    this.pending.dropUser(userId);
    this.#movedInto(seq, bytes);
  }

  /** If it fails, a restart finds what was confirmed pending, which costs a flush and no more. */
  #noteEmpty(): void {
    const seq = this.#rows.lastSeq + 1;
    try {
      this.#deps.log.append([{ seq, records: [] }], seq);
      this.#rows.skipTo(seq);
      this.#rows.lowWater();
    } catch (error) {
      this.#deps.onBackgroundFailure("note that nothing is pending", error);
    }
  }

  #compactIfDue(nowMs: number): void {
    const { liveBytes, liveCount } = this.#rows;
    const isLong = liveBytes > LIVE_BYTES_MAX || liveCount > this.#deps.limits.liveRowsMax;
    const isMostlyHistory =
      liveBytes > Math.max(LIVE_BYTES_MIN, LIVE_TO_PENDING_MAX * this.pending.storedBytes);
    // A pause longer than any was begun by a clock that has been set back since.
    const pauseMs = this.#compactNotBeforeMs - nowMs;
    if ((isLong || isMostlyHistory) && (pauseMs <= 0 || pauseMs > COMPACT_RETRY_MS)) this.#compact(nowMs);
  }

  /**
   * All that is pending moves into a snapshot. If that fails the rows are still there, and no
   * report fails for it.
   */
  #compact(nowMs: number): void {
    const seq = this.#rows.lastSeq + 1;
    try {
      this.#movedInto(seq, this.#deps.log.writeSnapshot(seq, this.pending.all()));
      this.#compactNotBeforeMs = 0;
    } catch (error) {
      this.#compactNotBeforeMs = nowMs + COMPACT_RETRY_MS;
      this.#deps.onBackgroundFailure("write a snapshot", error);
    }
  }

  #movedInto(seq: number, bytes: number): void {
    this.#rows.add(seq, bytes);
    this.pending.moveAllTo(seq);
    this.#rows.lowWater();
  }

  #take({ seq, bytes, records }: LogPart, sinceMs: (record: HistoryRecord) => number): void {
    if (seq === this.#rows.lastSeq) this.#rows.extend(seq, bytes);
    else this.#rows.add(seq, bytes);
    for (const record of records) this.pending.put(record, seq, sinceMs(record));
  }

  #replay(): number {
    const { log, now, onBackgroundFailure } = this.#deps;
    const nowMs = now();
    // A revision says when its record came in, unless its clock had run ahead: nothing has waited
    // since the future.
    const sinceMs = ({ rev }: HistoryRecord): number => Math.min(HybridClock.wallMsOf(rev), nowMs);
    const isKept = remembering((userId) => !log.isErased(userId));
    const { lastSeq, revHighWater, isDamaged } = log.replay(({ seq, bytes, records }) =>
      this.#take({ seq, bytes, records: records.filter(({ userId }) => isKept(userId)) }, sinceMs),
    );
    this.#rows.skipTo(lastSeq);
    for (const id of log.unreadIds()) this.#adopt(id, isKept, nowMs);
    if (isDamaged) {
      onBackgroundFailure(
        "replay the log",
        new Error("the snapshot is in pieces; all that was found is pending again"),
      );
      this.#compact(nowMs);
    } else this.#compactIfDue(nowMs);
    return revHighWater;
  }

  /**
   * A row that waited for a release that can read it. What it says may have been overtaken; the
   * order (at, rev) sees to that.
   */
  #adopt(id: number, isKept: (userId: string) => boolean, nowMs: number): void {
    try {
      const records = this.#deps.log.readUnread(id)?.filter(({ userId }) => isKept(userId));
      if (records !== undefined) this.write(records, nowMs, id);
    } catch (error) {
      this.#deps.onBackgroundFailure("adopt a row", error);
    }
  }
}

/** Asks once about each user, for the length of a replay. */
function remembering(ask: (userId: string) => boolean): (userId: string) => boolean {
  const known = new Map<string, boolean>();
  return (userId) => {
    let answer = known.get(userId);
    if (answer === undefined) {
      answer = ask(userId);
      known.set(userId, answer);
    }
    return answer;
  };
}
