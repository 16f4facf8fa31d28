import type { Entry, HistorySettings, ItemKey, Mark } from "../../contracts/history.ts";
import { CodedError, releaseUnderWay } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { DurablePending, Mutations } from "./durable-pending.ts";
import { HybridClock } from "./hybrid-clock.ts";
import { newestOf } from "./known-state.ts";
import { notLoaded } from "./not-loaded.ts";
import { USER_OVERHEAD_BYTES } from "./pending-index.ts";
import type { PendingBudget } from "./pending-budget.ts";
import { comparePositions, entryOf, itemName, rawAtOf, recordBytes, type HistoryRecord } from "./record.ts";
import type { ReportStamp } from "./report-stamp.ts";
import { patienceOf } from "./shard-reads.ts";
import { admits, newUserState, type UserState } from "./user-state.ts";
import type { HeldView, UserViews } from "./user-views.ts";
import type { WatchRules } from "./watch-rules.ts";

interface ByHandDeps {
  readonly durable: DurablePending;
  readonly log: { readonly unreadRows: number; isErased(userId: string): boolean };
  readonly views: UserViews;
  readonly stamp: ReportStamp;
  readonly budget: PendingBudget;
  readonly rules: WatchRules;
  readonly limits: { readonly readMs: number };
  readonly databaseOf: (userId: string) => number;
  /** Whether what older code doesn't know may be written down. */
  readonly mayWriteStates: () => boolean;
  readonly now: Clock;
  /** Whether anybody is to be told of what a user does. */
  readonly isNews: (userId: string) => boolean;
  /** Shows records of a user that are durable now to readers, and tells who listens of them. */
  readonly show: (userId: string, records: readonly HistoryRecord[]) => void;
  readonly afterCommit: () => void;
}

const OVERLOADED_RETRY_MS = 5_000;

/**
 * What people do with their history themselves. Each is a mutation like any report, ordered by
 * (at, rev), durable before it is answered; it waits for nobody's company.
 */
export class ByHand {
  readonly #deps: ByHandDeps;

  constructor(deps: ByHandDeps) {
    this.#deps = deps;
  }

  /**
   * Marks an item, until the next report on it. Answers the entry that stands then. Throws
   * `NOT_FOUND` where there is none, unless it is marked as watched; `UNAVAILABLE` where it can't
   * be known.
   */
  mark(userId: string, item: ItemKey, mark: Mark, remainingMs?: number): Promise<Entry> {
    return this.#holding(userId, item, remainingMs, (held) => {
      const { log, stamp, rules, durable } = this.#deps;
      const known = this.#known(userId, item, held);
      const isSure = this.#isSure(userId, item, held);
      // Rows that can't be read may say anything about anybody.
      if (!isSure || (known === undefined && log.unreadRows > 0)) throw notLoaded(held.failure);
      const isThere = known !== undefined && !known.deleted;
      if (log.isErased(userId) || (!isThere && mark.watched !== true))
        throw new CodedError("NOT_FOUND", "There is no such entry");
      const latestMs = stamp.latestMs();
      const atMs = mark.at === undefined ? Math.max(latestMs, known?.atMs ?? 0) : Math.min(mark.at, latestMs);
      const rev = durable.clock.tick(latestMs);
      const base = isThere ? known : { ...nothingOf(userId, item), rawAtMs: null };
      const record: HistoryRecord = {
        ...base,
        rawAtMs: isThere ? rawAtOf(known) : null,
        watched: mark.watched ?? base.watched,
        dismissed: mark.dismissed ?? base.dismissed,
        atMs,
        rev,
      };
      const isLate = known !== undefined && comparePositions(record, known) < 0;
      if (isLate || !admits(durable.stateOf(userId), record)) {
        if (!isThere) throw new CodedError("NOT_FOUND", "The entry was deleted since");
        return entryOf(known, rules);
      }
      this.#write(userId, record);
      return entryOf(durable.pending.get(record) ?? record, rules);
    });
  }

  /**
   * Deletes an item, whether it is there or not: no report that is older brings it back. Throws
   * `UNAVAILABLE` where the clock has been far ahead and what the database has can't be known.
   */
  async remove(userId: string, item: ItemKey, remainingMs?: number): Promise<void> {
    await this.#holding(userId, item, remainingMs, (held) => {
      const { log, stamp, durable } = this.#deps;
      if (log.isErased(userId)) return;
      const known = this.#known(userId, item, held);
      const latestMs = stamp.latestMs();
      // What came in while the clock was ahead is dated ahead: a deletion must know what it is of.
      const mayBeAhead = HybridClock.wallMsOf(durable.clock.last) > latestMs;
      if (mayBeAhead && !this.#isSure(userId, item, held)) throw notLoaded(held.failure);
      this.#write(userId, {
        ...(known ?? nothingOf(userId, item)),
        rawAtMs: known === undefined ? null : rawAtOf(known),
        watched: null,
        dismissed: false,
        deleted: true,
        // What is known may be dated ahead, by a clock that has been set back since.
        atMs: Math.max(latestMs, known?.atMs ?? 0),
        rev: durable.clock.tick(latestMs),
      });
    });
  }

  /**
   * Deletes everything up to now; of two clears the later one stands, though its clock is behind.
   */
  clear(userId: string): void {
    const { stamp, durable, views } = this.#deps;
    const latestMs = stamp.latestMs();
    const atMs = Math.max(latestMs, durable.stateOf(userId)?.cleared?.atMs ?? 0);
    const cleared = { atMs, rev: durable.clock.tick(latestMs) };
    this.#change({ ...newUserState(userId), cleared });
    views.retain(userId);
  }

  settings(userId: string): HistorySettings {
    return { paused: this.#deps.durable.stateOf(userId)?.paused ?? false };
  }

  /** While paused, reports are ignored as they arrive; later, those from the time of the pause. */
  setSettings(userId: string, { paused }: HistorySettings): HistorySettings {
    const { stamp, durable } = this.#deps;
    this.#requireFormat();
    const state = durable.stateOf(userId);
    if (paused === (state?.paused ?? false)) return { paused };
    const latestMs = stamp.latestMs();
    this.#change({
      ...newUserState(userId),
      paused,
      pausedFromMs: paused ? latestMs : (state?.pausedFromMs ?? null),
      pausedUntilMs: paused ? null : latestMs,
      settingsRev: durable.clock.tick(latestMs),
    });
    return { paused };
  }

  /** Does what must know an item's state, which stays in memory meanwhile. */
  async #holding<T>(
    userId: string,
    item: ItemKey,
    remainingMs: number | undefined,
    work: (held: HeldView) => T,
  ): Promise<T> {
    const { views, limits } = this.#deps;
    this.#requireFormat();
    const held = await views.hold(userId, [item], patienceOf(limits.readMs, remainingMs));
    try {
      return work(held);
    } finally {
      held.release();
    }
  }

  #known(userId: string, item: ItemKey, held: HeldView): HistoryRecord | undefined {
    const { durable } = this.#deps;
    const known = newestOf(durable.pending.get({ userId, ...item }), held.get(itemName(item)));
    return known !== undefined && admits(durable.stateOf(userId), known) ? known : undefined;
  }

  /** What came late while D1 was away may be older than what D1 has. */
  #isSure(userId: string, item: ItemKey, held: HeldView): boolean {
    return held.isSureOf(itemName(item)) || this.#deps.durable.pending.isNewest({ userId, ...item });
  }

  #requireFormat(): void {
    if (!this.#deps.mayWriteStates())
      throw releaseUnderWay("Not all shards know yet what this release writes");
  }

  #write(userId: string, record: HistoryRecord): void {
    const { durable, budget, databaseOf, show } = this.#deps;
    const isFresh = durable.pending.get(record) === undefined;
    const addition = {
      database: databaseOf(userId),
      records: isFresh ? 1 : 0,
      bytes: isFresh
        ? recordBytes(record) + (durable.pending.countOf(userId) === 0 ? USER_OVERHEAD_BYTES : 0)
        : 0,
    };
    if (!budget.mayAdd(userId, addition.records) || !budget.tryReserve(addition)) throw overloaded();
    budget.settle(addition);
    this.#commit({ records: [record], users: [], isNews: this.#deps.isNews(userId) });
    show(userId, [durable.pending.get(record) ?? record]);
  }

  #change(change: UserState): void {
    const { durable } = this.#deps;
    this.#requireFormat();
    if (durable.states.isFull && !durable.states.has(change.userId)) throw overloaded();
    this.#commit({ records: [], users: [change] });
  }

  #commit(mutations: Mutations): void {
    const { durable, now, afterCommit } = this.#deps;
    durable.write(mutations, now());
    afterCommit();
  }
}

/** An item that nobody has played. */
function nothingOf(userId: string, { kind, itemId }: ItemKey): HistoryRecord {
  return {
    userId,
    kind,
    itemId,
    positionMs: 0,
    durationMs: null,
    event: "paused",
    deviceId: null,
    atMs: 0,
    rev: 0,
    rawAtMs: null,
    watched: null,
    dismissed: false,
    deleted: false,
  };
}

function overloaded(): CodedError {
  return new CodedError("OVERLOADED", "This shard waits for its database", {
    retryAfterMs: OVERLOADED_RETRY_MS,
  });
}
