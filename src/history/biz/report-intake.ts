import type { DatedReport, Entry, ItemKey, ReportReceipt } from "../../contracts/history.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { CommitWait } from "./commit-wait.ts";
import type { DurablePending } from "./durable-pending.ts";
import { GroupCommit, type CommitResult, type Grouped, type Schedule } from "./group-commit.ts";
import type { HotStore } from "./ports.ts";
import { judgeReport } from "./judge-report.ts";
import { isAhead, isLate, newestOf } from "./known-state.ts";
import { NOT_TO_BE_KEPT, type Incoming, type SocketSource } from "./incoming.ts";
import { USER_OVERHEAD_BYTES } from "./pending-index.ts";
import type { Addition, PendingBudget } from "./pending-budget.ts";
import type { ShardLog } from "./ports.ts";
import { entryOf, itemName, recordBytes, type HistoryRecord } from "./record.ts";
import type { ReportStamp } from "./report-stamp.ts";
import { admits, isPausedAt, type UserState } from "./user-state.ts";
import type { HeldView, UserViews } from "./user-views.ts";
import type { WatchRules } from "./watch-rules.ts";

interface ReportIntakeDeps {
  readonly durable: DurablePending;
  readonly hot: HotStore;
  readonly log: ShardLog;
  readonly views: UserViews;
  readonly stamp: ReportStamp;
  readonly budget: PendingBudget;
  readonly rules: WatchRules;
  readonly limits: {
    readonly commitGroup: number;
    readonly commitWaitMsMax: number;
    readonly readMs: number;
  };
  readonly databaseOf: (userId: string) => number;
  readonly now: Clock;
  readonly schedule: Schedule;
  /** When the shard wishes to hear of a player next, in ms. */
  readonly nextReportMs: () => number;
  /** Shows records of a user that are durable now to readers, and tells who listens of them. */
  readonly show: (userId: string, records: readonly HistoryRecord[], source?: SocketSource) => void;
  /** Whether anybody is to be told of what a user reports from there. */
  readonly isNews: (userId: string, source?: SocketSource) => boolean;
  /** After each commit: what is due may have changed. */
  readonly afterCommit: () => void;
}

interface Submission {
  readonly userId: string;
  readonly reports: readonly DatedReport[];
  readonly addition: Addition;
  /** What is known of the items of late reports. */
  readonly held: HeldView | null;
  readonly source: SocketSource | undefined;
}

/** What is to be written of one submission, and what is answered. */
interface Judged {
  readonly records: readonly HistoryRecord[];
  /** Those of them of which is known whatever D1 has. */
  readonly newest: readonly HistoryRecord[];
  readonly receipt: ReportReceipt;
}

/** Records that one commit carries; what waits beyond it comes with the next. */
const RECORDS_PER_COMMIT_MAX = 10_000;
/** Records that may wait for their commit, those that are pending already among them. */
const WAITING_RECORDS_MAX = 20_000;
const OVERLOADED_RETRY_MS = 5_000;
/** Of the time that a late report has left, so much may go by for what D1 knows of its item. */
const ASKING_SHARE = 0.5;

/**
 * Makes reports durable, many in one commit, as long as there is room for what they add. Each is
 * judged in the turn that commits it, against the newest state of its item that is known.
 */
export class ReportIntake {
  readonly #deps: ReportIntakeDeps;
  readonly #commits: GroupCommit<Submission, ReportReceipt>;

  constructor(deps: ReportIntakeDeps) {
    const { limits, now, schedule } = deps;
    this.#deps = deps;
    this.#commits = new GroupCommit({
      wait: new CommitWait({ group: limits.commitGroup, waitMsMax: limits.commitWaitMsMax }),
      clientOf: ({ userId }) => userId,
      weightMax: RECORDS_PER_COMMIT_MAX,
      waitingWeightMax: WAITING_RECORDS_MAX,
      weightOf: ({ reports }) => reports.length,
      commit: (group) => this.#commit(group),
      now,
      schedule,
    });
  }

  /**
   * Makes reports durable. Throws `OVERLOADED` when too much is waiting for D1; what is pending
   * already can always be replaced. `remainingMs` is how long the answer is waited for.
   */
  async report(
    userId: string,
    reports: readonly DatedReport[],
    remainingMs = Number.POSITIVE_INFINITY,
  ): Promise<ReportReceipt> {
    const late = this.#lateOf(userId, reports);
    return late.length === 0
      ? this.#submit({ userId, reports }, null, remainingMs)
      : this.#reportLate({ userId, reports }, late, remainingMs);
  }

  /**
   * The same for reports of many that come in one call, and share a commit: at once, since they
   * have waited for company already, or with who else comes, where it has brought too few and
   * `awaitsMore`. What comes late asks first, by itself.
   *
   * @returns what came of each, in order
   */
  reportGathered(
    batch: readonly Incoming[],
    remainingMs = Number.POSITIVE_INFINITY,
    awaitsMore = false,
  ): readonly Promise<ReportReceipt>[] {
    const clients: string[] = [];
    const receipts = batch.map(async (incoming) => {
      const late = this.#lateOf(incoming.userId, incoming.reports);
      if (late.length > 0) return this.#reportLate(incoming, late, remainingMs);
      const receipt = this.#submit(incoming, null);
      clients.push(incoming.userId);
      return receipt;
    });
    if (awaitsMore) this.#commits.waitForMore(clients, remainingMs);
    else this.#commits.commitNow();
    return receipts;
  }

  /** Those of a user's reports that D1 may know better of. */
  #lateOf(userId: string, reports: readonly DatedReport[]): readonly DatedReport[] {
    const nowMs = this.#deps.now();
    const { pending } = this.#deps.durable;
    return reports.filter((report) => {
      const { kind, itemId } = report;
      return isLate(report, nowMs)
        ? !pending.isWhole({ userId, kind, itemId })
        : isAhead(report, nowMs) && !this.#isInMemory(userId, report);
    });
  }

  #isInMemory(userId: string, item: ItemKey): boolean {
    const { durable, views } = this.#deps;
    const { kind, itemId } = item;
    if (durable.pending.get({ userId, kind, itemId }) !== undefined) return true;
    return views.peek(userId)?.get(itemName(item)) !== undefined;
  }

  /**
   * What comes late may have been overtaken by what D1 alone knows. It doesn't wait for D1 longer
   * than a read would.
   */
  async #reportLate(
    incoming: Incoming,
    late: readonly DatedReport[],
    remainingMs: number,
  ): Promise<ReportReceipt> {
    const { now, views, limits } = this.#deps;
    const { userId } = incoming;
    const beganMs = now();
    const held = await views.hold(userId, late, Math.min(limits.readMs, remainingMs * ASKING_SHARE));
    try {
      // A clock that is set back meanwhile gives nobody more time.
      const tookMs = Math.max(0, now() - beganMs);
      return await this.#submit(incoming, held, Math.max(0, remainingMs - tookMs));
    } finally {
      held.release();
    }
  }

  /** @param remainingMs - undefined: it comes with others, and whoever has them says when */
  #submit(
    { userId, reports, source }: Incoming,
    held: HeldView | null,
    remainingMs?: number,
  ): Promise<ReportReceipt> {
    const { budget } = this.#deps;
    const addition = this.#additionOf(userId, reports);
    if (!budget.mayAdd(userId, addition.records) || !budget.tryReserve(addition))
      throw new CodedError("OVERLOADED", "This shard waits for its database", {
        retryAfterMs: OVERLOADED_RETRY_MS,
      });
    try {
      // From here on the commit that takes it settles what was reserved.
      const submission = { userId, reports, addition, held, source };
      return remainingMs === undefined
        ? this.#commits.submitGathered(submission)
        : this.#commits.submit(submission, remainingMs);
    } catch (error) {
      budget.settle(addition);
      throw error;
    }
  }

  /**
   * What a batch would add to what is pending. A user who has as much pending as is kept of them
   * adds nothing: the oldest makes room.
   */
  #additionOf(userId: string, reports: readonly DatedReport[]): Addition {
    const { durable, databaseOf } = this.#deps;
    const fresh = new Map<string, number>();
    for (const report of reports) {
      const { kind, itemId } = report;
      if (durable.pending.get({ userId, kind, itemId }) === undefined)
        fresh.set(itemName(report), recordBytes({ kind, itemId, deviceId: report.deviceId ?? null }));
    }
    const records = Math.min(fresh.size, this.#deps.budget.roomOfUser(userId));
    let bytes = durable.pending.countOf(userId) === 0 ? USER_OVERHEAD_BYTES : 0;
    for (const each of fresh.values()) bytes += each;
    return {
      database: databaseOf(userId),
      records,
      bytes: fresh.size === 0 ? 0 : Math.ceil((bytes * records) / fresh.size),
    };
  }

  #commit(group: readonly Grouped<Submission>[]): CommitResult<ReportReceipt>[] {
    const { budget, afterCommit } = this.#deps;
    for (const { item } of group) budget.settle(item.addition);
    const { judged, unwritable } = this.#persist(group);
    afterCommit();
    return judged.map(({ receipt }, index) => {
      const error = unwritable.get(index);
      return error === undefined ? { result: receipt } : { error };
    });
  }

  /**
   * Makes all groups durable at once, and shows them to readers. A group that can't be written down
   * at all fails alone: the others are judged as if it had never come.
   */
  #persist(group: readonly Grouped<Submission>[]): {
    readonly judged: readonly Judged[];
    readonly unwritable: ReadonlyMap<number, unknown>;
  } {
    const { show, durable, stamp } = this.#deps;
    const unwritable = new Map<number, unknown>();
    let judged = this.#judgeAll(group, unwritable);
    try {
      this.#write(judged, group);
    } catch (error) {
      // By what each says itself: what was judged beside a bad one may have become of that.
      const latestMs = stamp.latestMs();
      for (const [index, { item }] of group.entries()) {
        const { userId, reports } = item;
        const reason = this.#reasonAgainst(reports.map((report) => stamp.stamp(userId, report, latestMs)));
        if (reason !== null) unwritable.set(index, reason);
      }
      // It was not the records: none of them happened.
      if (unwritable.size === 0) throw error;
      judged = this.#judgeAll(group, unwritable);
      this.#write(judged, group);
    }
    for (const [index, { records, newest }] of judged.entries()) {
      const item = group[index]?.item;
      for (const record of newest) durable.pending.noteNewest(record);
      // As it is pending: with what was known of its item, which may have left its user's view
      // since, even by the same batch.
      if (item !== undefined && records.length > 0)
        show(
          item.userId,
          records.map((record) => durable.pending.get(record) ?? record),
          item.source,
        );
    }
    return { judged, unwritable };
  }

  #write(judged: readonly Judged[], group: readonly Grouped<Submission>[]): void {
    const { hot, now, isNews } = this.#deps;
    const records = judged.flatMap((one) => one.records);
    const areNews = group.some(
      ({ item }, index) => judged[index]?.records.length !== 0 && isNews(item.userId, item.source),
    );
    hot.put({ records, isNews: areNews }, now());
  }

  #judgeAll(group: readonly Grouped<Submission>[], left: ReadonlyMap<number, unknown>): readonly Judged[] {
    const latestMs = this.#deps.stamp.latestMs();
    /** What this commit has made of items so far, by user and item. */
    const made = new Map<string, HistoryRecord>();
    return group.map(({ item, waitedMs }, index) =>
      left.has(index) ? NOTHING : this.#judge(item, Math.round(waitedMs), latestMs, made),
    );
  }

  #judge(
    { userId, reports, held }: Submission,
    waitedMs: number,
    latestMs: number,
    made: Map<string, HistoryRecord>,
  ): Judged {
    const { log, stamp, rules, nextReportMs } = this.#deps;
    const isErased = log.isErased(userId);
    const state = log.userState(userId);
    const records: HistoryRecord[] = [];
    const newest: HistoryRecord[] = [];
    const wonBy = new Map<string, HistoryRecord>();
    let ignored = 0;
    for (const report of reports) {
      const record = stamp.stamp(userId, report, latestMs);
      if (isErased || isPausedAt(state, record.atMs)) {
        ignored += 1;
        continue;
      }
      if (!admits(state, record)) continue;
      const name = itemName(record);
      const known = this.#known(record, name, held, state, made.get(`${userId}/${name}`));
      const verdict = judgeReport(known, record, rules);
      if (verdict.wonBy === undefined) wonBy.delete(name);
      else wonBy.set(name, verdict.wonBy);
      if (verdict.put === undefined) continue;
      records.push(verdict.put);
      made.set(`${userId}/${name}`, verdict.put);
      if (held?.isSureOf(name) === true) newest.push(verdict.put);
    }
    const superseded = Array.from(wonBy.values(), (record) => entryOf(record, rules));
    return {
      records,
      newest,
      receipt: {
        accepted: reports.length - ignored,
        ignored,
        ...(superseded.length > 0 && { superseded: superseded satisfies readonly Entry[] }),
        nextReportMs: nextReportMs(),
        ...(waitedMs > 0 && { waitedMs }),
      },
    };
  }

  #known(
    record: HistoryRecord,
    name: string,
    held: HeldView | null,
    state: UserState | null,
    made: HistoryRecord | undefined,
  ): HistoryRecord | undefined {
    const { durable, views } = this.#deps;
    const known = newestOf(made, durable.pending.get(record), (held ?? views.peek(record.userId))?.get(name));
    // A view that is held may have been forgotten, and not heard of what was cleared since.
    return known !== undefined && admits(state, known) ? known : undefined;
  }

  #reasonAgainst(records: readonly HistoryRecord[]): CodedError | null {
    try {
      this.#deps.log.checkWritable(records);
      return null;
    } catch (cause) {
      return new CodedError("INVALID", NOT_TO_BE_KEPT, { cause });
    }
  }
}

const NONE: readonly HistoryRecord[] = [];
const NOTHING: Judged = { records: NONE, newest: NONE, receipt: { accepted: 0, ignored: 0 } };
