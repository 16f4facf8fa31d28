import type { Report, ReportReceipt } from "../../contracts/history.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { CommitWait } from "./commit-wait.ts";
import type { DurablePending } from "./durable-pending.ts";
import { GroupCommit, type CommitResult, type Grouped, type Schedule } from "./group-commit.ts";
import { USER_OVERHEAD_BYTES } from "./pending-index.ts";
import { PendingBudget, type Addition } from "./pending-budget.ts";
import type { ShardLog } from "./ports.ts";
import { itemName, recordBytes, type HistoryRecord } from "./record.ts";
import { ReportStamp } from "./report-stamp.ts";

interface ReportIntakeDeps {
  readonly durable: DurablePending;
  readonly log: ShardLog;
  readonly limits: {
    readonly commitGroup: number;
    readonly commitWaitMsMax: number;
    readonly pendingRecordsMax: number;
    readonly pendingBytesMax: number;
    readonly entriesPerUserMax: number;
  };
  readonly databases: number;
  readonly databaseOf: (userId: string) => number;
  readonly now: Clock;
  readonly schedule: Schedule;
  /** Shows a record that is durable now to readers. */
  readonly show: (record: HistoryRecord) => void;
  /** After each commit: what is due may have changed. */
  readonly afterCommit: () => void;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

interface Submission {
  readonly userId: string;
  readonly reports: readonly Report[];
  readonly addition: Addition;
}

/** Records that one commit carries; what waits beyond it comes with the next. */
const RECORDS_PER_COMMIT_MAX = 10_000;
/** Records that may wait for their commit, those that are pending already among them. */
const WAITING_RECORDS_MAX = 20_000;
const OVERLOADED_RETRY_MS = 5_000;

/** Makes reports durable, many in one commit, as long as there is room for what they add. */
export class ReportIntake {
  readonly #deps: ReportIntakeDeps;
  readonly #stamp: ReportStamp;
  readonly #budget: PendingBudget;
  readonly #commits: GroupCommit<Submission, ReportReceipt>;

  constructor(deps: ReportIntakeDeps) {
    const { durable, limits, databases, now, schedule } = deps;
    this.#deps = deps;
    this.#stamp = new ReportStamp({ ...deps, clock: durable.clock });
    this.#budget = new PendingBudget({
      pending: durable.pending,
      databases,
      recordsMax: limits.pendingRecordsMax,
      bytesMax: limits.pendingBytesMax,
      recordsPerUserMax: limits.entriesPerUserMax,
    });
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

  /** Whether waiting for the flush window would fill the shard. */
  get isFillingUp(): boolean {
    return this.#budget.isFillingUp;
  }

  /**
   * Makes reports durable. Throws `OVERLOADED` when too much is waiting for D1; what is pending
   * already can always be replaced. `remainingMs` is how long the answer is waited for.
   */
  async report(userId: string, reports: readonly Report[], remainingMs?: number): Promise<ReportReceipt> {
    const addition = this.#additionOf(userId, reports);
    if (!this.#budget.tryReserve(addition))
      throw new CodedError("OVERLOADED", "This shard waits for its database", {
        retryAfterMs: OVERLOADED_RETRY_MS,
      });
    return this.#submit({ userId, reports, addition }, remainingMs);
  }

  #submit(submission: Submission, remainingMs?: number): Promise<ReportReceipt> {
    try {
      // From here on the commit that takes it settles what was reserved.
      return this.#commits.submit(submission, remainingMs);
    } catch (error) {
      this.#budget.settle(submission.addition);
      throw error;
    }
  }

  /**
   * What a batch would add to what is pending. A user who has as much pending as is kept of them
   * adds nothing: the oldest makes room.
   */
  #additionOf(userId: string, reports: readonly Report[]): Addition {
    const { durable, databaseOf } = this.#deps;
    const fresh = new Map<string, number>();
    for (const report of reports) {
      const { kind, itemId } = report;
      if (durable.pending.get({ userId, kind, itemId }) === undefined)
        fresh.set(itemName(report), recordBytes({ kind, itemId, deviceId: report.deviceId ?? null }));
    }
    const records = Math.min(fresh.size, this.#budget.roomOfUser(userId));
    let bytes = durable.pending.countOf(userId) === 0 ? USER_OVERHEAD_BYTES : 0;
    for (const each of fresh.values()) bytes += each;
    return {
      database: databaseOf(userId),
      records,
      bytes: fresh.size === 0 ? 0 : Math.ceil((bytes * records) / fresh.size),
    };
  }

  #commit(group: readonly Grouped<Submission>[]): CommitResult<ReportReceipt>[] {
    for (const { item } of group) this.#budget.settle(item.addition);
    const latestMs = this.#stamp.latestMs();
    const groups = group.map(({ item: { userId, reports }, waitedMs }) => {
      const isErased = this.#deps.log.isErased(userId);
      const records = isErased ? [] : reports.map((report) => this.#stamp.stamp(userId, report, latestMs));
      const receipt = { accepted: records.length, ignored: reports.length - records.length };
      const ms = Math.round(waitedMs);
      return { records, receipt: ms === 0 ? receipt : { ...receipt, waitedMs: ms } };
    });
    const unwritable = this.#persist(groups.map(({ records }) => records));
    this.#deps.afterCommit();
    return groups.map(({ receipt }, index) => {
      const error = unwritable.get(index);
      return error === undefined ? { result: receipt } : { error };
    });
  }

  /**
   * Makes all groups durable at once, and shows them to readers. A group that can't be written down
   * at all fails alone.
   *
   * @returns which those are, and why
   */
  #persist(groups: readonly (readonly HistoryRecord[])[]): ReadonlyMap<number, unknown> {
    const { durable, now, show } = this.#deps;
    const unwritable = new Map<number, unknown>();
    try {
      durable.write(groups.flat(), now());
    } catch (error) {
      for (const [index, records] of groups.entries()) {
        const reason = this.#reasonAgainst(records);
        if (reason !== null) unwritable.set(index, reason);
      }
      // It was not the records: none of them happened.
      if (unwritable.size === 0) throw error;
      durable.write(groups.filter((_records, index) => !unwritable.has(index)).flat(), now());
    }
    for (const [index, records] of groups.entries()) {
      // As it is pending: with what was known of its item, which may have left its user's view
      // since, even by the same batch.
      if (!unwritable.has(index)) for (const record of records) show(durable.pending.get(record) ?? record);
    }
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
