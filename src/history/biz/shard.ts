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
 * I8: What is confirmed is written down before its confirmation is answered: no restart finds it
 *     pending, unless the storage failed.
 * I47: Whoever listens is told what has changed, or that they are behind, however often it takes:
 *     what is told is in the log or, where the log may lose it, in the table of those who listen.
 * I46: What holds for a user as a whole only grows, part by part, and what it rules out is neither
 *     pending nor shown from that turn on, whichever copy of it comes back.
 */

import type { Listener, SocketReceipt, UserNews } from "../../contracts/realtime-rpc.ts";
import type {
  ChangePage,
  ChangesQuery,
  DatedReport,
  Entry,
  EntryPage,
  HistorySettings,
  ItemKey,
  ListQuery,
  Mark,
  ReportReceipt,
  ShardStatus,
} from "../../contracts/history.ts";
import { CodedError, isCode } from "../../contracts/errors.ts";
import { ByHand } from "./by-hand.ts";
import { DurablePending } from "./durable-pending.ts";
import { failedReceipt } from "./failed-receipt.ts";
import { earlierOf, FlushSchedule } from "./flush-schedule.ts";
import type { HotStore, MaybeLater } from "./ports.ts";
import type { Incoming, SocketSource } from "./incoming.ts";
import { Listeners } from "./listeners.ts";
import { NewsOutbox } from "./news-outbox.ts";
import { notLoaded } from "./not-loaded.ts";
import { LOG_FORMAT } from "./log-format.ts";
import { OwnHotStore } from "./own-hot-store.ts";
import { OwnLoad } from "./own-load.ts";
import { PendingBudget } from "./pending-budget.ts";
import { isPlain } from "./pending-set.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";
import { ReportIntake } from "./report-intake.ts";
import { ReportStamp } from "./report-stamp.ts";
import { ShardChanges } from "./shard-changes.ts";
import type { ShardDeps } from "./shard-deps.ts";
import { ShardReads } from "./shard-reads.ts";
import type { LogFormats } from "./shard-rpc.ts";
import { NO_VALUES } from "./remote-values.ts";
import { RemoteHotStore } from "./remote-hot-store.ts";
import { UserRetention } from "./user-retention.ts";
import { admits, type StateConfirmation, type UserState } from "./user-state.ts";
import { newsOf } from "./user-news.ts";
import type { UserView } from "./user-view.ts";
import { UserViews } from "./user-views.ts";
import { WallClock } from "./wall-clock.ts";

const BUSY_RETRY_MS = 1_000;
/** Players of a shard with much to do are asked to report so many times more seldom. */
const BUSY_PACE = 3;
/** The first format of the log in which states of users, deletions and marks are written. */
const FORMAT_OF_STATES = 2;
/** And the first in which keys are, whose values are elsewhere. */
const FORMAT_OF_KEYS = 3;

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
  readonly #hot: HotStore;
  readonly #views: UserViews;
  readonly #reads: ShardReads;
  readonly #intake: ReportIntake;
  readonly #byHand: ByHand;
  readonly #changes: ShardChanges;
  readonly #retention: UserRetention;
  readonly #budget: PendingBudget;
  readonly #flushes: FlushSchedule;
  readonly #listeners: Listeners;
  readonly #news: NewsOutbox;
  readonly #load: OwnLoad;

  /** Rebuilds the shard from its log. */
  constructor(given: ShardDeps) {
    const clock = new WallClock(given.now);
    const mayWriteStates = (): boolean => given.formats.format >= FORMAT_OF_STATES;
    const deps = { ...given, now: clock.now, mayWriteStates };
    this.#deps = deps;
    const durable = new DurablePending(deps);
    const { pending, states } = durable;
    this.#durable = durable;
    const hot = hotStoreOf(deps, durable);
    this.#hot = hot;
    this.#load = new OwnLoad(deps);
    const afterCommit = (): void => this.#flushes.rearmQuietly();
    this.#retention = new UserRetention({ ...deps, durable, views: () => this.#views, afterCommit });
    const settle = (userId: string, view: UserView): void =>
      void this.#retention.settle(userId, view, deps.now());
    const views = new UserViews({
      ...deps,
      pendingOf: (userId) => pending.ofUser(userId),
      admits: (record) => admits(durable.stateOf(record.userId), record),
      onWhole: settle,
    });
    this.#views = views;
    this.#reads = new ShardReads({ ...deps, views });
    this.#changes = new ShardChanges({ ...deps, durable, views, settle });
    this.#budget = new PendingBudget({
      pending,
      unread: durable.unloaded,
      databases: deps.databases,
      recordsMax: deps.limits.pendingRecordsMax,
      bytesMax: deps.limits.pendingBytesMax,
      entriesPerUserMax: deps.limits.entriesPerUserMax,
    });
    this.#listeners = new Listeners({ ...deps, store: deps.listeners });
    this.#news = new NewsOutbox({
      ...deps,
      listeners: this.#listeners,
      newsOf: (userId, untold) => newsOf({ ...deps, durable, views }, userId, untold),
      tell: hot.isRemote ? (comet, news) => this.#tellDurable(comet, news) : deps.tellComet,
      onFailed: afterCommit,
    });
    const writing = {
      ...deps,
      durable,
      views,
      budget: this.#budget,
      stamp: new ReportStamp({ ...deps, clock: durable.clock }),
      show: (userId: string, records: readonly HistoryRecord[], source?: SocketSource) =>
        this.#show(userId, records, source),
      isNews: (userId: string, source?: SocketSource) => this.#news.isNews(userId, source),
      afterCommit,
    };
    this.#byHand = new ByHand(writing);
    this.#intake = new ReportIntake({
      ...writing,
      hot,
      schedule: this.#load.schedule,
      nextReportMs: () => this.#nextReportMs(),
    });
    this.#flushes = new FlushSchedule({
      ...deps,
      pending,
      states,
      isFillingUp: () => this.#budget.isFillingUp,
      otherDueMs: () => earlierOf(this.#news.dueMs(), hot.dueMs),
    });
    clock.onSetBack((nowMs) => {
      pending.clampTo(nowMs);
      states.clampTo(nowMs);
      this.#flushes.clampTo(nowMs);
      this.#news.clampTo(nowMs);
    });
    durable.tell({
      toldRev: () => this.#news.toldRev(),
      isHeard: (userId) => this.#news.isHeard(userId),
      state: (userId, rev) => {
        // I46
        views.retain(userId);
        this.#news.state(userId, rev);
      },
    });
    this.#news.resume((userId) => durable.untoldAtReplay(userId));
    this.#flushes.rearmQuietly();
  }

  /**
   * Makes reports durable. Throws `OVERLOADED` when too much is waiting for D1; what is pending
   * already can always be replaced. `remainingMs` is how long the answer is waited for: a report
   * waits for company no longer than half of it.
   */
  report(userId: string, reports: readonly DatedReport[], remainingMs?: number): Promise<ReportReceipt> {
    return this.#serve(userId, () => this.#intake.report(userId, reports, remainingMs));
  }

  /**
   * Reports of many that were gathered before they came here: one commit for all of them, without a
   * wait but where `awaitsMore` says that it is worth one. Each is answered for itself, in order;
   * throws where the shard itself fails, whatever has become of each. `remainingMs` is what the
   * least patient of them has left.
   */
  async reportMany(
    batch: readonly Incoming[],
    remainingMs?: number,
    awaitsMore?: boolean,
  ): Promise<readonly SocketReceipt[]> {
    this.#entered();
    const hot = this.#hot;
    if (!hot.isRemote)
      return Promise.all(this.#intake.reportGathered(batch, remainingMs, awaitsMore).map(receiptOf));
    await hot.load(batch.map(({ userId }) => userId));
    const loaded = batch.filter(({ userId }) => hot.isLoaded(userId));
    const receipts = new Map<Incoming, Promise<ReportReceipt>>();
    for (const [index, receipt] of this.#intake.reportGathered(loaded, remainingMs, awaitsMore).entries()) {
      const incoming = loaded[index];
      if (incoming !== undefined) receipts.set(incoming, this.#answered(incoming.userId, receipt));
    }
    return Promise.all(batch.map((each) => receiptOf(receipts.get(each) ?? Promise.reject(valuesAway()))));
  }

  /**
   * A user listens in a comet from now on. With `since`: what has changed after that place, as
   * {@link changes} says it. Throws `UNAUTHENTICATED` where the user was erased.
   */
  async join(
    comet: string,
    listener: Listener,
    query: ChangesQuery | null,
    remainingMs?: number,
  ): Promise<ChangePage | null> {
    return this.#serve(listener.userId, async () => {
      if (this.#deps.log.isErased(listener.userId))
        throw new CodedError("UNAUTHENTICATED", "This user has been erased");
      this.#listeners.join(comet, listener);
      return query === null ? null : this.#changes.changes(listener.userId, query, remainingMs);
    });
  }

  /** Some listen there no more, or with fewer sockets. */
  leave(comet: string, listeners: readonly Listener[]): void {
    this.#entered();
    for (const listener of listeners) this.#listeners.leave(comet, listener);
  }

  /** Marks an item by hand; see {@link ByHand.mark}. */
  mark(userId: string, item: ItemKey, mark: Mark, remainingMs?: number): Promise<Entry> {
    return this.#serve(userId, () => this.#byHand.mark(userId, item, mark, remainingMs));
  }

  /** Deletes an item: no report that is older brings it back. */
  remove(userId: string, item: ItemKey, remainingMs?: number): Promise<void> {
    return this.#serve(userId, () => this.#byHand.remove(userId, item, remainingMs));
  }

  /** The same for everything. */
  clear(userId: string): void {
    this.#entered();
    this.#byHand.clear(userId);
  }

  settings(userId: string): HistorySettings {
    this.#entered();
    return this.#byHand.settings(userId);
  }

  setSettings(userId: string, settings: HistorySettings): HistorySettings {
    this.#entered();
    return this.#byHand.setSettings(userId, settings);
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
    return this.#serve(userId, () => this.#reads.list(userId, query, remainingMs));
  }

  /** Started and not finished, newest first. */
  continueWatching(userId: string, limit: number, remainingMs?: number): Promise<EntryPage> {
    return this.#serve(userId, () => this.#reads.continueWatching(userId, limit, remainingMs));
  }

  /** Those of the items that the user has, in the order asked for, each once. */
  lookup(userId: string, items: readonly ItemKey[], remainingMs?: number): Promise<EntryPage> {
    return this.#serve(userId, () => this.#reads.lookup(userId, items, remainingMs));
  }

  /** What has changed in the user's own order; see {@link ShardChanges.changes}. */
  changes(userId: string, query: ChangesQuery, remainingMs?: number): Promise<ChangePage> {
    return this.#serve(userId, () => this.#changes.changes(userId, query, remainingMs));
  }

  /** All entries as of one moment, newest first. */
  async exportAll(userId: string, remainingMs?: number): Promise<{ readonly entries: readonly Entry[] }> {
    return { entries: await this.#serve(userId, () => this.#changes.exportAll(userId, remainingMs)) };
  }

  /**
   * The newest state of each key that D1 has not confirmed; the job writes it. One that knows no
   * format of the log but the first would take a tombstone for an entry: it isn't given any.
   */
  collect(keys: readonly RecordKey[], format = 1): MaybeLater<readonly HistoryRecord[]> {
    this.#entered();
    return this.#hot.collect(keys, format >= FORMAT_OF_STATES ? () => true : isPlain);
  }

  /** What holds for users as a whole, of those of them whose state D1 has not confirmed. */
  collectStates(userIds: readonly string[]): readonly UserState[] {
    this.#entered();
    const { states } = this.#durable;
    return userIds.flatMap((userId) => (states.has(userId) ? (this.#durable.stateOf(userId) ?? []) : []));
  }

  /** D1 holds these users' states. */
  confirmStates(confirmed: readonly StateConfirmation[]): void {
    this.#news.beforeConfirmed(confirmed.map(({ userId }) => userId));
    this.#durable.confirmStates(confirmed);
    this.#flushes.rearmQuietly();
  }

  /**
   * A user has more in D1 than is kept of one: says what goes, once more where that is said
   * already. Throws if D1 can't be asked.
   */
  async settle(userId: string): Promise<void> {
    const { view, degraded, failure } = await this.#serve(userId, () => this.#views.of(userId, "all"));
    if (degraded) throw notLoaded(failure);
    const nowMs = this.#deps.now();
    if (!this.#retention.settle(userId, view, nowMs)) this.#durable.sayAgain(userId, nowMs);
    this.#flushes.rearmQuietly();
  }

  /** D1 holds these revisions. */
  confirm(confirmations: readonly Confirmation[]): MaybeLater<void> {
    this.#news.beforeConfirmed(confirmations.map(({ userId }) => userId));
    const dropped = this.#hot.drop(confirmations, this.#deps.now());
    if (dropped !== undefined) return dropped.finally(() => this.#flushes.rearmQuietly());
    this.#flushes.rearmQuietly();
  }

  /**
   * Forgets a user and refuses them from now on. What D1 holds is deleted by the caller,
   * afterwards.
   */
  erase(userId: string): MaybeLater<void> {
    const forgotten = this.#hot.forget(userId, this.#deps.now());
    // If what follows throws, that is what the caller hears, and nobody is left to hear of this.
    forgotten?.catch(() => undefined);
    this.#views.drop(userId);
    this.#news.erased(userId);
    this.#flushes.rearmQuietly();
    return forgotten;
  }

  /** Loads a user whom D1 could not give before. Throws if it still can't. */
  async refill(userId: string): Promise<void> {
    const { degraded, failure } = await this.#serve(userId, () => this.#views.of(userId, "head"));
    if (degraded) throw notLoaded(failure);
  }

  /** It is known now which database holds whom: what is pending waits for that one. */
  rehome(): void {
    this.#durable.pending.rehome();
  }

  /** D1 was written without this shard: what it remembers of a user may be old. */
  forgetView(userId: string): void {
    this.#entered();
    this.#views.drop(userId);
  }

  /** The alarm went off: sends what is due. Throws only where the next alarm can't be set. */
  async onAlarm(): Promise<void> {
    this.#news.sendDue();
    await this.#tend();
    await this.#flushes.onAlarm();
  }

  /**
   * Sends everything pending now, whatever its age; what was sent a moment ago and for the first
   * time is still with the job.
   */
  async flushNow(): Promise<void> {
    this.#durable.pending.endLongLeases(this.#deps.now());
    this.#durable.states.endLongLeases(this.#deps.now());
    await this.#flushes.flush(Number.POSITIVE_INFINITY);
    this.#flushes.rearmQuietly();
  }

  /** Heals a lost or outdated alarm. Any entry into the shard does; the sweep does nothing else. */
  async wake(): Promise<void> {
    this.#news.sendDue();
    await this.#tend();
    await this.#flushes.rearm();
  }

  /** Which format of the log it writes, and the newest it knows. */
  formats(): LogFormats {
    return { written: this.#deps.formats.format, known: LOG_FORMAT };
  }

  /** All shards of the cell know this format: it is written from now on. */
  raiseFormat(format: number): void {
    this.#deps.formats.raiseFormat(format);
  }

  status(): ShardStatus {
    const { pending, clock, liveLogRows, liveLogBytes } = this.#durable;
    const { losses } = this.#deps;
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
      ...(this.#hot.unread > 0 && { unreadValues: this.#hot.unread }),
      ...(losses !== undefined && losses.lostValues > 0 && { lostValues: losses.lostValues }),
      logFormat: this.#deps.formats.format,
      clockAheadMs: clock.driftMs(nowMs),
      failingDatabases: Array.from(pending.shares).flatMap(({ isFailing, database }) =>
        isFailing && database >= 0 ? [database] : [],
      ),
    };
  }

  /**
   * Does what somebody has come for on behalf of a user. Where values are outside of the shard, all
   * that is pending of the user is read first, and what the answer may rest on is durable before it
   * is given. Throws `UNAVAILABLE` where it can't be read.
   */
  #serve<T>(userId: string, work: () => Promise<T>): Promise<T> {
    this.#entered();
    return this.#hot.isRemote ? this.#serveLoaded(userId, work) : work();
  }

  async #serveLoaded<T>(userId: string, work: () => Promise<T>): Promise<T> {
    await this.#hot.load([userId]);
    if (!this.#hot.isLoaded(userId)) throw valuesAway();
    return this.#answered(userId, work());
  }

  async #answered<T>(userId: string, work: Promise<T>): Promise<T> {
    const answer = await work;
    await this.#hot.durable(userId);
    return answer;
  }

  async #tend(): Promise<void> {
    if (this.#hot.isRemote) await this.#hot.tend(this.#deps.now());
  }

  /** Whatever somebody has come for: what is due has its turn. */
  #entered(): void {
    this.#news.sendDue();
    this.#flushes.rearmQuietly();
  }

  /**
   * Shows what is durable now, tells it to those who listen, and says what of the user is beyond
   * what is kept.
   */
  #show(userId: string, records: readonly HistoryRecord[], source?: SocketSource): void {
    for (const record of records) this.#views.merge(record);
    this.#news.records(userId, records, source);
    const view = this.#views.peek(userId);
    if (view !== undefined && view.newestBeyond() !== null)
      this.#retention.settle(userId, view, this.#deps.now());
  }

  /** What is in the log may wait for its value to be elsewhere as well: only then it is told. */
  async #tellDurable(comet: string, news: readonly UserNews[]): Promise<readonly string[]> {
    await Promise.all(news.map(async ({ userId }) => this.#hot.durable(userId)));
    return this.#deps.tellComet(comet, news);
  }

  #nextReportMs(): number {
    const { reportPaceMs, pendingRecordsMax, pendingBytesMax } = this.#deps.limits;
    const { count, bytes } = this.#durable.pending;
    const isHalfFull = count > pendingRecordsMax / 2 || bytes > pendingBytesMax / 2;
    return this.#load.isTooMuch || isHalfFull ? reportPaceMs * BUSY_PACE : reportPaceMs;
  }
}

function hotStoreOf(deps: ShardDeps, durable: DurablePending): HotStore {
  const { values = null, losses, formats, onBackgroundFailure } = deps;
  // Values that were once kept elsewhere are asked for as long as there are any.
  if (values === null && durable.unloaded.count === 0) return new OwnHotStore(durable);
  return new RemoteHotStore({
    ...deps,
    durable,
    values: values ?? NO_VALUES,
    mayWriteKeys: () => formats.format >= FORMAT_OF_KEYS,
    onMissing: ({ lost, kept }) => {
      if (lost > 0) losses?.countLost(lost);
      onBackgroundFailure(
        "find values that the hot store was to have",
        new Error(`${lost} are nowhere, ${kept} were still in memory`),
      );
    },
  });
}

function valuesAway(): CodedError {
  return new CodedError("UNAVAILABLE", "What is pending of this user can't be read now", {
    retryAfterMs: BUSY_RETRY_MS,
  });
}

/**
 * What is said of one of many. Throws what has no code: that is no answer, but the failure of the
 * shard or its platform, and tells of itself (a spending cap, a reset) what a receipt can't.
 */
async function receiptOf(receipt: Promise<ReportReceipt>): Promise<SocketReceipt> {
  try {
    return { receipt: await receipt };
  } catch (error) {
    if (isCode(error, "INTERNAL")) throw error;
    return failedReceipt(error);
  }
}
