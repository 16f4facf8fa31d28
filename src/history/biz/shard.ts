import type { EntryPage, ItemKey, ListQuery, Report, ReportReceipt, ShardStatus } from "../../contracts/history.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { DurablePending } from "./durable-pending.ts";
import { FlushSchedule } from "./flush-schedule.ts";
import { GroupCommit, type CommitResult, type Schedule } from "./group-commit.ts";
import { OwnLoad } from "./own-load.ts";
import { PendingBudget, type Addition } from "./pending-budget.ts";
import type { FlushQueue, HistoryReader, ShardAlarm, ShardLog } from "./ports.ts";
import { entryOf, isUnfinished, itemName, recordBytes, type Confirmation, type HistoryRecord, type RecordKey } from "./record.ts";
import { ReportStamp } from "./report-stamp.ts";
import { decodeCursor, encodeCursor, pageOf, pageOfAll, UserView, type Page, type PageQuery } from "./user-view.ts";
import { UserViews, type ViewAnswer, type ViewExtent } from "./user-views.ts";

export interface ShardLimits {
  /** How old a pending record may get before its key is sent to the job, in ms. */
  readonly flushWindowMs: number;
  /** Least time between two group commits under load, in ms. */
  readonly commitSpacingMs: number;
  /** Records and bytes that may be pending before reports are refused. */
  readonly pendingRecordsMax: number;
  readonly pendingBytesMax: number;
  /** Memory for users' entries, in bytes, and entries kept of one user. */
  readonly viewBytesMax: number;
  readonly entriesPerUserMax: number;
  /** Live log rows beyond which stragglers are moved into a snapshot. */
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

interface Submission {
  readonly userId: string;
  readonly reports: readonly Report[];
  readonly addition: Addition;
}

/** Records that one commit carries; what waits beyond it comes with the next. */
const RECORDS_PER_COMMIT_MAX = 10_000;
const OVERLOADED_RETRY_MS = 5_000;
const BUSY_RETRY_MS = 1_000;

/**
 * One shard of the history: makes reports durable, answers reads from memory, and hands what is pending to the job.
 *
 * The log comes first, always: memory is merged in the same turn that writes the row, never before, and nobody is answered
 * before the commit that carries their report. What is in memory can be rebuilt from log and D1.
 */
export class Shard {
  readonly #deps: ShardDeps;
  readonly #durable: DurablePending;
  readonly #stamp: ReportStamp;
  readonly #budget: PendingBudget;
  readonly #views: UserViews;
  readonly #commits: GroupCommit<Submission, ReportReceipt>;
  readonly #flushes: FlushSchedule;
  readonly #load: OwnLoad;

  /** Rebuilds the shard from its log. */
  constructor(deps: ShardDeps) {
    const { limits, now, databases } = deps;
    this.#deps = deps;
    this.#durable = new DurablePending(deps);
    const { pending, clock } = this.#durable;
    this.#stamp = new ReportStamp({ ...deps, clock });
    this.#budget = new PendingBudget({
      pending,
      databases,
      recordsMax: limits.pendingRecordsMax,
      bytesMax: limits.pendingBytesMax,
      recordsPerUserMax: limits.entriesPerUserMax,
    });
    this.#load = new OwnLoad(deps);
    this.#views = new UserViews({ ...deps, pendingOf: (userId) => pending.ofUser(userId) });
    this.#commits = new GroupCommit({
      spacingMs: limits.commitSpacingMs,
      weightMax: RECORDS_PER_COMMIT_MAX,
      waitingWeightMax: limits.pendingRecordsMax,
      weightOf: ({ reports }) => reports.length,
      commit: (submissions) => this.#commit(submissions),
      now,
      schedule: this.#load.schedule,
    });
    this.#flushes = new FlushSchedule({ ...deps, pending, isFillingUp: () => this.#budget.isFillingUp });
    this.#flushes.rearmQuietly();
  }

  /** Makes reports durable. Throws `OVERLOADED` when too much is waiting for D1; what is pending already can always be replaced. */
  async report(userId: string, reports: readonly Report[]): Promise<ReportReceipt> {
    const addition = this.#additionOf(userId, reports);
    if (!this.#budget.tryReserve(addition)) {
      this.#flushes.rearm();
      throw new CodedError("OVERLOADED", "This shard waits for its database", { retryAfterMs: OVERLOADED_RETRY_MS });
    }
    return this.#submit({ userId, reports, addition });
  }

  /** A read has arrived. Throws `OVERLOADED` where this object's own timers go off late: reports go first. */
  admitRead(): void {
    this.#load.arrived();
    if (this.#load.isTooMuch) throw new CodedError("OVERLOADED", "This shard has more to do than it can", { retryAfterMs: BUSY_RETRY_MS });
  }

  /** Newest first, after the cursor, of one kind or of all. */
  async list(userId: string, { limit, cursor, kind }: ListQuery): Promise<EntryPage> {
    const { page, degraded } = await this.#page(userId, {
      after: cursor === undefined ? null : decodeCursor(cursor),
      limit,
      accept: (record) => kind === undefined || record.kind === kind,
      wantsNext: true,
    });
    const { records, next } = page;
    return { items: records.map(entryOf), ...(next === null ? {} : { nextCursor: encodeCursor(next) }), ...markOf(degraded) };
  }

  /** Started and not finished, newest first. */
  async continueWatching(userId: string, limit: number): Promise<EntryPage> {
    const { page, degraded } = await this.#page(userId, { after: null, limit, accept: isUnfinished, wantsNext: false });
    return { items: page.records.map(entryOf), ...markOf(degraded) };
  }

  /** Those of the items that the user has, in the order asked for, each once. */
  async lookup(userId: string, items: readonly ItemKey[]): Promise<EntryPage> {
    const names = [...new Set(items.map(itemName))];
    let { view, degraded } = await this.#read(userId, "head");
    const isKnown = (name: string): boolean => {
      const record = view.get(name);
      return record !== undefined && view.reaches(record);
    };
    if (!degraded && view.reach !== "all" && !names.every(isKnown)) ({ view, degraded } = await this.#read(userId, "all"));
    const found = names.flatMap((name) => view.get(name) ?? []);
    return { items: found.map(entryOf), ...markOf(degraded) };
  }

  /** The newest state of each key that D1 has not confirmed; the job writes it. */
  collect(keys: readonly RecordKey[]): readonly HistoryRecord[] {
    this.#flushes.rearm();
    return this.#durable.pending.collect(keys);
  }

  /** D1 holds these revisions. */
  confirm(confirmations: readonly Confirmation[]): void {
    const nowMs = this.#deps.now();
    for (const confirmation of confirmations) this.#durable.pending.confirm(confirmation, nowMs);
    this.#flushes.rearm();
  }

  /** Forgets a user and refuses them from now on. What D1 holds is deleted by the caller, afterwards. */
  erase(userId: string): void {
    this.#durable.erase(userId, this.#deps.now());
    this.#views.drop(userId);
  }

  /** Loads a user whom D1 could not give before. Throws if it still can't. */
  async refill(userId: string): Promise<void> {
    const { degraded } = await this.#views.of(userId, "head");
    if (degraded) throw new CodedError("UNAVAILABLE", "The user's history cannot be loaded yet");
  }

  /** The alarm went off: sends what is due. Never throws. */
  async onAlarm(): Promise<void> {
    await this.#flushes.onAlarm();
  }

  /** Sends everything pending now, whatever its age. */
  async flushNow(): Promise<void> {
    await this.#flushes.flush(Number.POSITIVE_INFINITY);
    this.#flushes.rearm();
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
      failingDatabases: Array.from(pending.shares).flatMap(({ isFailing, database }) => (isFailing ? [database] : [])),
    };
  }

  /** A page of a user's entries: of their newest ones if those will do. */
  async #page(userId: string, query: PageQuery): Promise<{ readonly page: Page; readonly degraded: boolean }> {
    const head = await this.#read(userId, "head");
    const page = pageOf(head.view, query);
    if (page !== null) return { page, degraded: head.degraded };
    if (head.degraded) return { page: pageOfAll(head.view, query), degraded: true };
    const whole = await this.#read(userId, "all");
    return { page: pageOf(whole.view, query) ?? pageOfAll(whole.view, query), degraded: whole.degraded };
  }

  /** A user's entries; of an erased user nothing is shown, though D1 may still be deleting. */
  async #read(userId: string, extent: ViewExtent): Promise<ViewAnswer> {
    this.#flushes.rearmQuietly();
    const { log } = this.#deps;
    const { view, degraded } = log.isErased(userId) ? NOTHING : await this.#views.of(userId, extent);
    // They may have been erased while D1 was asked. Rows that can't be read may say anything about anybody.
    return log.isErased(userId) ? NOTHING : { view, degraded: degraded || log.unreadRows > 0 };
  }

  /** What a batch would add to what is pending. A user who has as much pending as is kept of them adds nothing: the oldest makes room. */
  #additionOf(userId: string, reports: readonly Report[]): Addition {
    const { pending } = this.#durable;
    const fresh = new Map<string, number>();
    for (const report of reports) {
      const { kind, itemId } = report;
      if (pending.get({ userId, kind, itemId }) === undefined)
        fresh.set(itemName(report), recordBytes({ kind, itemId, deviceId: report.deviceId ?? null }));
    }
    const records = Math.min(fresh.size, this.#budget.roomOfUser(userId));
    let bytes = 0;
    for (const each of fresh.values()) bytes += each;
    return { database: this.#deps.databaseOf(userId), records, bytes: fresh.size === 0 ? 0 : Math.ceil((bytes * records) / fresh.size) };
  }

  #submit(submission: Submission): Promise<ReportReceipt> {
    try {
      // From here on the commit that takes it settles what was reserved.
      return this.#commits.submit(submission);
    } catch (error) {
      this.#budget.settle(submission.addition);
      throw error;
    }
  }

  #commit(submissions: readonly Submission[]): CommitResult<ReportReceipt>[] {
    for (const { addition } of submissions) this.#budget.settle(addition);
    const latestMs = this.#stamp.latestMs();
    const groups = submissions.map(({ userId, reports }) => {
      const isErased = this.#deps.log.isErased(userId);
      const records = isErased ? [] : reports.map((report) => this.#stamp.stamp(userId, report, latestMs));
      return { records, receipt: { accepted: records.length, ignored: reports.length - records.length } };
    });
    const unwritable = this.#persist(groups.map(({ records }) => records));
    this.#flushes.rearmQuietly();
    return groups.map(({ receipt }, index) => {
      const error = unwritable.get(index);
      return error === undefined ? { result: receipt } : { error };
    });
  }

  /**
   * Makes all groups durable at once, and shows them to readers. A group that can't be written down at all fails alone.
   *
   * @returns which those are, and why
   */
  #persist(groups: readonly (readonly HistoryRecord[])[]): ReadonlyMap<number, unknown> {
    const unwritable = new Map<number, unknown>();
    const nowMs = this.#deps.now();
    try {
      this.#durable.write(groups.flat(), nowMs);
    } catch (error) {
      for (const [index, records] of groups.entries()) {
        const reason = this.#reasonAgainst(records);
        if (reason !== null) unwritable.set(index, reason);
      }
      // It was not the records: none of them happened.
      if (unwritable.size === 0) throw error;
      this.#durable.write(groups.filter((_records, index) => !unwritable.has(index)).flat(), nowMs);
    }
    for (const [index, records] of groups.entries()) if (!unwritable.has(index)) for (const record of records) this.#views.merge(record);
    return unwritable;
  }

  #reasonAgainst(records: readonly HistoryRecord[]): CodedError | null {
    try {
      this.#deps.log.checkWritable(records);
      return null;
    } catch (cause) {
      return new CodedError("INVALID", "A report holds values that can't be kept", { cause });
    }
  }
}

const NOTHING: ViewAnswer = { view: emptyView(), degraded: false };

function emptyView(): UserView {
  const view = new UserView(1);
  view.reach = "all";
  return view;
}

function markOf(degraded: boolean): { degraded?: true } {
  return degraded ? { degraded: true } : {};
}
