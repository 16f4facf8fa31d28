import type { EntryPage, ItemKey, ListQuery, Report, ReportReceipt, ShardStatus } from "../../contracts/history.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { QueueDelay } from "../../resilience/queue-delay.ts";
import { GroupCommit, type Schedule } from "./group-commit.ts";
import { HybridClock } from "./hybrid-clock.ts";
import { LogRows } from "./log-rows.ts";
import { PendingSet } from "./pending-set.ts";
import type { FlushQueue, HistoryReader, ShardAlarm, ShardLog } from "./ports.ts";
import { entryOf, isUnfinished, itemName, type Confirmation, type HistoryRecord, type RecordKey } from "./record.ts";
import { FlushSchedule } from "./flush-schedule.ts";
import { decodeCursor, encodeCursor, pageOf, UserView } from "./user-view.ts";
import { UserViews, type ViewAnswer } from "./user-views.ts";

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
}

/** Records in one log row: at some 350 bytes each at most, well below a row's 1 MB. */
const RECORDS_PER_ROW_MAX = 2_000;
/** Records that one commit carries; what waits beyond it comes with the next. */
const RECORDS_PER_COMMIT_MAX = 10_000;
const OVERLOADED_RETRY_MS = 5_000;
const QUEUE_RETRY_MS = 1_000;

/**
 * One shard of the history: makes reports durable, answers reads from memory, and hands what is pending to the job.
 *
 * The log comes first, always: memory is merged in the same turn that writes the row, never before, and nobody is answered
 * before the commit that carries their report. What is in memory can be rebuilt from log and D1.
 */
export class Shard {
  readonly #deps: ShardDeps;
  readonly #clock: HybridClock;
  readonly #rows = new LogRows();
  readonly #pending: PendingSet;
  readonly #views: UserViews;
  readonly #erased: Set<string>;
  readonly #commits: GroupCommit<Submission, ReportReceipt>;
  readonly #flushes: FlushSchedule;
  readonly #queue = new QueueDelay();

  /** Rebuilds the shard from its log. */
  constructor(deps: ShardDeps) {
    const { limits, log, now, schedule } = deps;
    this.#deps = deps;
    this.#pending = new PendingSet(this.#rows, limits.flushWindowMs);
    this.#views = new UserViews({ ...deps, pendingOf: (userId) => this.#pending.ofUser(userId) });
    this.#erased = new Set(log.erasedUsers());
    this.#commits = new GroupCommit({
      spacingMs: limits.commitSpacingMs,
      weightMax: RECORDS_PER_COMMIT_MAX,
      waitingWeightMax: limits.pendingRecordsMax,
      weightOf: ({ reports }) => reports.length,
      commit: (submissions) => this.#commit(submissions),
      now,
      schedule,
    });
    this.#clock = new HybridClock(this.#replay());
    this.#flushes = new FlushSchedule({ ...deps, pending: this.#pending });
    this.#flushes.rearm();
  }

  /** Makes reports durable. Throws `OVERLOADED` when too much is waiting for D1. */
  async report(userId: string, reports: readonly Report[]): Promise<ReportReceipt> {
    const { pendingRecordsMax, pendingBytesMax } = this.#deps.limits;
    if (this.#pending.count >= pendingRecordsMax / 2 || this.#pending.bytes >= pendingBytesMax / 2) this.#flushes.hurry();
    if (this.#pending.count >= pendingRecordsMax || this.#pending.bytes >= pendingBytesMax) {
      this.#flushes.rearm();
      throw new CodedError("OVERLOADED", "This shard waits for its database", { retryAfterMs: OVERLOADED_RETRY_MS });
    }
    return this.#commits.submit({ userId, reports });
  }

  /** A report that was sent at `sentAtMs` has arrived. Reports are never refused for the queue they stood in: they would only come again. */
  reportArrived(sentAtMs: number): void {
    this.#queue.observe(this.#deps.now(), sentAtMs);
  }

  /** A read that was sent at `sentAtMs` has arrived. Throws `OVERLOADED` where the queue before this object does not drain: reports go first. */
  admitRead(sentAtMs: number): void {
    this.#queue.observe(this.#deps.now(), sentAtMs);
    if (this.#queue.isStanding)
      throw new CodedError("OVERLOADED", "This shard has more to do than it can", { retryAfterMs: QUEUE_RETRY_MS });
  }

  /** Newest first, after the cursor, of one kind or of all. */
  async list(userId: string, { limit, cursor, kind }: ListQuery): Promise<EntryPage> {
    const { view, degraded } = await this.#read(userId);
    const { records, next } = pageOf(view.newestFirst(), {
      after: cursor === undefined ? null : decodeCursor(cursor),
      limit,
      accept: (record) => kind === undefined || record.kind === kind,
    });
    return { items: records.map(entryOf), ...(next === null ? {} : { nextCursor: encodeCursor(next) }), ...markOf(degraded) };
  }

  /** Started and not finished, newest first. */
  async continueWatching(userId: string, limit: number): Promise<EntryPage> {
    const { view, degraded } = await this.#read(userId);
    const { records } = pageOf(view.newestFirst(), { after: null, limit, accept: isUnfinished });
    return { items: records.map(entryOf), ...markOf(degraded) };
  }

  /** Those of the items that the user has, in the order asked for, each once. */
  async lookup(userId: string, items: readonly ItemKey[]): Promise<EntryPage> {
    const { view, degraded } = await this.#read(userId);
    const found = new Map<string, HistoryRecord>();
    for (const item of items) {
      const name = itemName(item);
      const record = view.get(name);
      if (record !== undefined) found.set(name, record);
    }
    return { items: Array.from(found.values(), entryOf), ...markOf(degraded) };
  }

  /** The newest state of each key that D1 has not confirmed; the job writes it. */
  collect(keys: readonly RecordKey[]): readonly HistoryRecord[] {
    this.#flushes.rearm();
    return this.#pending.collect(keys);
  }

  /** D1 holds these revisions. */
  confirm(confirmations: readonly Confirmation[]): void {
    const nowMs = this.#deps.now();
    for (const confirmation of confirmations) this.#pending.confirm(confirmation, nowMs);
    this.#flushes.rearm();
  }

  /** Forgets a user and refuses them from now on. What D1 holds is deleted by the caller, afterwards. */
  erase(userId: string): void {
    this.#deps.log.markErased(userId, this.#deps.now());
    this.#erased.add(userId);
    this.#pending.dropUser(userId);
    this.#views.drop(userId);
  }

  /** Loads a user whom D1 could not give before. Throws if it still can't. */
  async refill(userId: string): Promise<void> {
    const { degraded } = await this.#views.of(userId);
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
    const oldestMs = this.#pending.oldestMs();
    return {
      shard: this.#deps.shard,
      pending: this.#pending.count,
      pendingBytes: this.#pending.bytes,
      oldestPendingMs: oldestMs === null ? 0 : Math.max(0, this.#deps.now() - oldestMs),
      cachedUsers: this.#views.count,
      liveLogRows: this.#rows.liveCount,
    };
  }

  /** A user's entries; of an erased user nothing is shown, though D1 may still be deleting. */
  async #read(userId: string): Promise<ViewAnswer> {
    this.#flushes.rearm();
    if (this.#erased.has(userId)) return { view: new UserView(1), degraded: false };
    return this.#views.of(userId);
  }

  #commit(submissions: readonly Submission[]): ReportReceipt[] {
    // A shard that restarts on a machine whose clock is behind must not date new reports before those it has acknowledged.
    const nowMs = Math.max(this.#deps.now(), HybridClock.wallMsOf(this.#clock.highWater));
    const records: HistoryRecord[] = [];
    const receipts: ReportReceipt[] = [];
    for (const { userId, reports } of submissions) {
      if (this.#erased.has(userId)) {
        receipts.push({ accepted: 0, ignored: reports.length });
        continue;
      }
      for (const report of reports) records.push(this.#stamp(userId, report, nowMs));
      receipts.push({ accepted: reports.length, ignored: 0 });
    }
    this.#persist(records, nowMs);
    this.#flushes.rearm();
    return receipts;
  }

  #stamp(userId: string, report: Report, nowMs: number): HistoryRecord {
    return {
      userId,
      kind: report.kind,
      itemId: report.itemId,
      positionMs: report.positionMs,
      durationMs: report.durationMs ?? null,
      event: report.event,
      deviceId: report.deviceId ?? null,
      atMs: Math.min(report.at ?? nowMs, nowMs),
      rev: this.#clock.tick(nowMs),
    };
  }

  /** Writes the rows first, then merges memory, in one turn: there is no `await` in here and there must never be one. */
  #persist(records: readonly HistoryRecord[], nowMs: number): void {
    const { log, limits } = this.#deps;
    for (let from = 0; from < records.length; from += RECORDS_PER_ROW_MAX) {
      const part = records.slice(from, from + RECORDS_PER_ROW_MAX);
      const seq = this.#rows.lastSeq + 1;
      log.append({ seq, lowWater: this.#rows.lowWater(), records: part });
      this.#rows.add(seq);
      for (const record of part) {
        this.#pending.put(record, seq, nowMs);
        this.#views.merge(record);
      }
    }
    if (this.#rows.liveCount > limits.liveRowsMax) this.#compact();
  }

  /** A few records that D1 won't confirm must not keep thousands of rows alive: all that is pending moves into a snapshot. */
  #compact(): void {
    const seq = this.#rows.lastSeq + 1;
    this.#deps.log.writeSnapshot(seq, this.#pending.all());
    this.#rows.add(seq);
    this.#pending.moveAllTo(seq);
    this.#rows.lowWater();
  }

  #replay(): number {
    const { rows, lastSeq, revHighWater } = this.#deps.log.replay();
    for (const { seq, records } of rows) {
      this.#rows.add(seq);
      for (const record of records) {
        if (!this.#erased.has(record.userId)) this.#pending.put(record, seq, HybridClock.wallMsOf(record.rev));
      }
    }
    if (lastSeq > this.#rows.lastSeq) this.#rows.add(lastSeq);
    return revHighWater;
  }
}

function markOf(degraded: boolean): { degraded?: true } {
  return degraded ? { degraded: true } : {};
}
