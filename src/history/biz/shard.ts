/*
 * What always holds of a shard, whichever call fails, whatever is lost and whenever it dies:
 *
 * I1: A row is written before memory is merged, in one turn without an `await`.
 * I2: Nobody is answered before the commit that carries their report.
 * I3: A record is pending until D1 has confirmed its revision or a later one; erasure and the limit
 *     of one user's records alone take it away unconfirmed.
 * I4: A row of the log is overwritten only when no pending record lives in it, the oldest first.
 * I5: Of two states of an item the later (at, rev) wins, wherever they meet and in whatever order.
 * I6: What is pending already is always let in; what is new only where there is room for it.
 * I7: No alarm is trusted to be there: every call into the shard compares it with what is due, but
 *     for an operator's look at its status.
 */

import type {
  EntryPage,
  ItemKey,
  ListQuery,
  Report,
  ReportReceipt,
  ShardStatus,
} from "../../contracts/history.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { DurablePending } from "./durable-pending.ts";
import { FlushSchedule } from "./flush-schedule.ts";
import type { Schedule } from "./group-commit.ts";
import { OwnLoad } from "./own-load.ts";
import type { FlushQueue, HistoryReader, ShardAlarm, ShardLog } from "./ports.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";
import { ReportIntake } from "./report-intake.ts";
import { ShardReads } from "./shard-reads.ts";
import { UserViews } from "./user-views.ts";
import { WallClock } from "./wall-clock.ts";

export interface ShardLimits {
  /** How old a pending record may get before its key is sent to the job, in ms. */
  readonly flushWindowMs: number;
  /** How many calls a commit waits for, about, and how long at most, in ms. */
  readonly commitGroup: number;
  readonly commitWaitMsMax: number;
  /** Records and bytes that may be pending before reports are refused. */
  readonly pendingRecordsMax: number;
  readonly pendingBytesMax: number;
  /**
   * How long a read waits for D1 in all, in ms, unless its caller has less time: less than a call
   * of the shard may take, or who waits for a database blames the shard.
   */
  readonly readMs: number;
  /** Memory for users' entries, in bytes, and entries kept of one user. */
  readonly viewBytesMax: number;
  readonly entriesPerUserMax: number;
  /** Entries that are loaded of a user who is not in memory; the rest when somebody asks for it. */
  readonly headEntries: number;
  /** Live log rows beyond which what is pending moves into a snapshot. */
  readonly liveRowsMax: number;
}

export interface ShardDeps {
  readonly shard: number;
  readonly limits: ShardLimits;
  /** How many databases there are, and which of them holds a user. */
  readonly databases: number;
  readonly databaseOf: (userId: string) => number;
  readonly log: ShardLog;
  readonly alarm: ShardAlarm;
  /** When the alarm is set to go off, in ms; null if it isn't. */
  readonly alarmAtMs: number | null;
  readonly queue: FlushQueue;
  readonly reader: HistoryReader;
  readonly now: Clock;
  readonly schedule: Schedule;
  /** Hears of failures that nobody waits for. */
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

const BUSY_RETRY_MS = 1_000;

/**
 * One shard of the history: makes reports durable, answers reads from memory, and hands what is
 * pending to the job.
 *
 * The log comes first, always: memory is merged in the same turn that writes the row, never before,
 * and nobody is answered before the commit that carries their report. What is in memory can be
 * rebuilt from log and D1.
 */
export class Shard {
  readonly #deps: ShardDeps;
  readonly #durable: DurablePending;
  readonly #views: UserViews;
  readonly #reads: ShardReads;
  readonly #intake: ReportIntake;
  readonly #flushes: FlushSchedule;
  readonly #load: OwnLoad;

  /** Rebuilds the shard from its log. */
  constructor(given: ShardDeps) {
    const clock = new WallClock(given.now);
    const deps = { ...given, now: clock.now };
    this.#deps = deps;
    this.#durable = new DurablePending(deps);
    const { pending } = this.#durable;
    this.#load = new OwnLoad(deps);
    this.#views = new UserViews({ ...deps, pendingOf: (userId) => pending.ofUser(userId) });
    this.#reads = new ShardReads({ ...deps, views: this.#views });
    this.#intake = new ReportIntake({
      ...deps,
      durable: this.#durable,
      schedule: this.#load.schedule,
      show: (record) => this.#views.merge(record),
      afterCommit: () => this.#flushes.rearmQuietly(),
    });
    this.#flushes = new FlushSchedule({ ...deps, pending, isFillingUp: () => this.#intake.isFillingUp });
    clock.onSetBack((nowMs) => {
      pending.clampTo(nowMs);
      this.#flushes.clampTo(nowMs);
    });
    this.#flushes.rearmQuietly();
  }

  /**
   * Makes reports durable. Throws `OVERLOADED` when too much is waiting for D1; what is pending
   * already can always be replaced. `remainingMs` is how long the answer is waited for: a report
   * waits for company no longer than half of it.
   */
  report(userId: string, reports: readonly Report[], remainingMs?: number): Promise<ReportReceipt> {
    this.#flushes.rearmQuietly();
    return this.#intake.report(userId, reports, remainingMs);
  }

  /**
   * A read has arrived. Throws `OVERLOADED` where this object's own timers go off late: reports go
   * first.
   */
  admitRead(): void {
    this.#load.arrived();
    if (this.#load.isTooMuch)
      throw new CodedError("OVERLOADED", "This shard has more to do than it can", {
        retryAfterMs: BUSY_RETRY_MS,
      });
  }

  /** Newest first, after the cursor, of one kind or of all. */
  list(userId: string, query: ListQuery, remainingMs?: number): Promise<EntryPage> {
    this.#flushes.rearmQuietly();
    return this.#reads.list(userId, query, remainingMs);
  }

  /** Started and not finished, newest first. */
  continueWatching(userId: string, limit: number, remainingMs?: number): Promise<EntryPage> {
    this.#flushes.rearmQuietly();
    return this.#reads.continueWatching(userId, limit, remainingMs);
  }

  /** Those of the items that the user has, in the order asked for, each once. */
  lookup(userId: string, items: readonly ItemKey[], remainingMs?: number): Promise<EntryPage> {
    this.#flushes.rearmQuietly();
    return this.#reads.lookup(userId, items, remainingMs);
  }

  /** The newest state of each key that D1 has not confirmed; the job writes it. */
  collect(keys: readonly RecordKey[]): readonly HistoryRecord[] {
    this.#flushes.rearmQuietly();
    return this.#durable.pending.collect(keys);
  }

  /** D1 holds these revisions. */
  confirm(confirmations: readonly Confirmation[]): void {
    this.#durable.confirm(confirmations, this.#deps.now());
    this.#flushes.rearmQuietly();
  }

  /**
   * Forgets a user and refuses them from now on. What D1 holds is deleted by the caller,
   * afterwards.
   */
  erase(userId: string): void {
    this.#durable.erase(userId, this.#deps.now());
    this.#views.drop(userId);
    this.#flushes.rearmQuietly();
  }

  /** Loads a user whom D1 could not give before. Throws if it still can't. */
  async refill(userId: string): Promise<void> {
    this.#flushes.rearmQuietly();
    const { degraded } = await this.#views.of(userId, "head");
    if (degraded) throw new CodedError("UNAVAILABLE", "The user's history cannot be loaded yet");
  }

  /** D1 was written without this shard: what it remembers of a user may be old. */
  forgetView(userId: string): void {
    this.#flushes.rearmQuietly();
    this.#views.drop(userId);
  }

  /** The alarm went off: sends what is due. Never throws. */
  async onAlarm(): Promise<void> {
    await this.#flushes.onAlarm();
  }

  /**
   * Sends everything pending now, whatever its age; what was sent a moment ago and for the first
   * time is still with the job.
   */
  async flushNow(): Promise<void> {
    this.#durable.pending.endLongLeases(this.#deps.now());
    await this.#flushes.flush(Number.POSITIVE_INFINITY);
    this.#flushes.rearmQuietly();
  }

  /** Heals a lost or outdated alarm. Any entry into the shard does; the sweep does nothing else. */
  wake(): void {
    this.#flushes.rearm();
  }

  status(): ShardStatus {
    const { pending, clock, liveLogRows, liveLogBytes } = this.#durable;
    const nowMs = this.#deps.now();
    return {
      shard: this.#deps.shard,
      pending: pending.count,
      pendingBytes: pending.bytes,
      oldestPendingMs: Math.max(0, nowMs - (pending.oldestMs() ?? nowMs)),
      cachedUsers: this.#views.count,
      liveLogRows,
      liveLogBytes,
      unreadRows: this.#deps.log.unreadRows,
      clockAheadMs: clock.driftMs(nowMs),
      failingDatabases: Array.from(pending.shares).flatMap(({ isFailing, database }) =>
        isFailing ? [database] : [],
      ),
    };
  }
}
