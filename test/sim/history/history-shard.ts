import { codeOf } from "../../../src/contracts/errors.ts";
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
} from "../../../src/contracts/history.ts";
import type { Listener, SocketReceipt } from "../../../src/contracts/realtime-rpc.ts";
import { bodyOf } from "../../../src/history/biz/flush-message.ts";
import type { MaybeLater } from "../../../src/history/biz/ports.ts";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import { MappingCopy } from "../../../src/history/biz/mapping-copy.ts";
import type { FlushQueue, ShardAlarm, TellComet } from "../../../src/history/biz/ports.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "../../../src/history/biz/record.ts";
import type { Incoming } from "../../../src/history/biz/incoming.ts";
import { Shard } from "../../../src/history/biz/shard.ts";
import { ShardDoor } from "../../../src/history/biz/shard-door.ts";
import type { Elsewhere, ShardMapping, StoredMapping } from "../../../src/history/biz/shard-mapping.ts";
import type { LogFormats } from "../../../src/history/biz/shard-rpc.ts";
import type { StateConfirmation, UserState } from "../../../src/history/biz/user-state.ts";
import { parseFinishedAt, watchRules } from "../../../src/history/biz/watch-rules.ts";
import { d1HistoryReader } from "../../../src/history/data/d1-history-reader.ts";
import { databaseFinder } from "../../../src/history/data/history-databases.ts";
import { ShardFacts } from "../../../src/history/data/shard-facts.ts";
import { ShardListeners } from "../../../src/history/data/shard-listeners.ts";
import type { ShardSql } from "../../../src/history/data/shard-sql.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { MAIN, placeOf } from "./history-cells.ts";
import { SimClock } from "../kernel/sim-clock.ts";
import { FINISHED_AT } from "./history-losing.ts";
import { isReport } from "./history-model.ts";
import {
  checkForgotten,
  handedOutCheck,
  checkRows,
  checkShown,
  FORMAT_OF_STATES,
  noteConfirmed,
} from "./history-shard-checks.ts";
import type { Watch } from "./history-shard-watch.ts";
import { arePending } from "./history-stored.ts";
import { watchedLog, watchedQueue, watchedReader } from "./history-watch.ts";
import type { HistoryScene } from "./history-scene.ts";
import type { RemoteCall } from "../kernel/remote-d1.ts";
import { SimObject } from "../kernel/sim-object.ts";

/*
 * PLACE OF CONSTRUCTION: here a shard is built and called, as `wireShard` and the shard object do
 * it. When the constructor or a method changes, this file does (and history-watch.ts where a port
 * does).
 */

const PENDING_STATES = "SELECT count(*) AS n FROM user_state WHERE is_confirmed = 0";
/** A reader's patience with D1; longer than in production, where calls are not as slow as here. */
const READER_MS = 1_500;
/** What callers of a report say that they have left. */
const REPORT_MS = 400;

/** When an item is watched in these worlds, and when started. */
export const RULES = watchRules({ finishedAt: parseFinishedAt(`*=${FINISHED_AT}`), startedAtMs: 1 });
/** What one record may weigh more than the one in whose place it comes, by its texts alone. */
const BYTES_MORE_MAX = 2_000;

interface WiredShard {
  readonly door: ShardDoor;
  readonly facts: ShardFacts;
  readonly isFromBefore: boolean;
}

/** What follows from an answer: at once, where it is there at once. */
function then<T, R>(answer: MaybeLater<T>, follow: (answer: T) => R): MaybeLater<R> {
  return answer instanceof Promise ? answer.then(follow) : follow(answer);
}

/** What is said of a batch of one, as the call for that one would. */
async function onlyReceipt(answers: Promise<readonly SocketReceipt[]>): Promise<ReportReceipt> {
  const [answer] = await answers;
  if (answer === undefined) throw new Error("a shard answers each of a batch");
  if ("failure" in answer) {
    const { code, ...hints } = answer.failure;
    throw Object.assign(new Error("refused"), { code, ...hints });
  }
  return answer.receipt;
}

/** The Durable Object of one shard: the real class over real SQLite. */
export class SimShard {
  readonly object: SimObject<WiredShard>;
  readonly #world: HistoryScene;
  readonly #clock: SimClock;
  /** What was counted when the storage had been written so often. */
  #counted = { writes: -1, pendingStates: 0 };
  readonly watch: Watch;
  #reported = 0;

  constructor(world: HistoryScene, number: number) {
    const { kernel, hardship, faults, mutation } = world.options;
    this.#world = world;
    this.#clock = new SimClock(kernel, hardship, faults.has("month-ahead"));
    this.watch = {
      world,
      number,
      unknown: new Set(),
      durableRev: 0,
      sent: new Map(),
      format: 0,
      states: new Map(),
      erased: new Set(),
      erasedDurably: new Set(),
      rowsSinceSnapshot: null,
      confirmed: new Map(),
      refilledAtMs: new Map(),
      now: this.#clock.now,
    };
    this.object = new SimObject({
      kernel,
      name: placeOf(number).name,
      now: this.#clock.now,
      build: () => this.#build(),
      onAlarm: ({ door }) => door.shard.onAlarm(),
      onCrash: () => this.#crashed(),
      hasOutputGate: mutation.hasOutputGate ?? true,
      note: (event) => world.counters.note(event),
    });
    this.object.storage.rewrite = (query) => world.rewritten(mutation.shardSql, query);
  }

  report(
    userId: string,
    reports: readonly DatedReport[],
    callers: ShardMapping,
  ): Promise<ReportReceipt | Elsewhere> {
    return this.object.enter(({ door }) =>
      door.forUser(callers, (shard) => {
        this.#world.hold(this.#world.shardOf(userId) === this, `${userId}: nothing lands in a wrong shard`);
        const areKnown = arePending(this.#world, userId, reports);
        return this.#reportTo(shard, { userId, reports }).then(
          (receipt) => {
            this.#waited(userId, receipt.waitedMs ?? 0);
            this.#checkBytes(shard);
            return receipt;
          },
          (error: unknown) => {
            const isFull = codeOf(error) === "OVERLOADED";
            this.#world.hold(
              // D1 may have taken it while a late report asked for what is known of its item.
              !isFull || !areKnown || !arePending(this.#world, userId, reports),
              `${userId}: a report of what is pending is taken by a full shard`,
            );
            throw error;
          },
        );
      }),
    );
  }

  /** Every other one as an isolate sends what it has gathered, alone in its group. */
  #reportTo(shard: Shard, incoming: Incoming): Promise<ReportReceipt> {
    this.#reported += 1;
    return this.#reported % 2 === 0
      ? shard.report(incoming.userId, incoming.reports, REPORT_MS)
      : onlyReceipt(shard.reportMany([incoming], REPORT_MS, true));
  }

  /** The same of a report that a socket has sent, alone in its batch. */
  reportOfSocket(incoming: Incoming, callers: ShardMapping): Promise<ReportReceipt | Elsewhere> {
    return this.object.enter(({ door }) =>
      door.forUser(callers, (shard) => onlyReceipt(shard.reportMany([incoming], REPORT_MS))),
    );
  }

  join(
    comet: string,
    listener: Listener,
    query: ChangesQuery,
    callers: ShardMapping,
  ): Promise<{ readonly page: ChangePage | null } | Elsewhere> {
    return this.object.enter(({ door }) =>
      door.forUser(callers, async (shard) => ({ page: await shard.join(comet, listener, query) })),
    );
  }

  leave(comet: string, listeners: readonly Listener[], callers: ShardMapping): Promise<Elsewhere | null> {
    return this.object.enter(({ door }) =>
      door.forUser(callers, (shard) => {
        shard.leave(comet, listeners);
        return null;
      }),
    );
  }

  /** What waits for D1 stays within its bounds, of records and of bytes. */
  #checkBytes(shard: Shard): void {
    const { redis, counters, options } = this.#world;
    const { limits, faults } = options;
    if (faults.has("unknown-row")) return;
    // What was confirmed may be pending again after a restart, beside what has come in its place.
    if (redis !== null && counters.counts.has("storage call threw")) return;
    const { pending, pendingBytes } = shard.status();
    this.#world.hold(
      pending <= limits.pendingRecordsMax && pendingBytes <= limits.pendingBytesMax + BYTES_MORE_MAX,
      `shard ${this.watch.number}: no more is pending than may be`,
    );
  }

  #waited(userId: string, waitedMs: number): void {
    if (waitedMs > 0) this.#world.counters.note("report waited for company");
    const longestMs = Math.min(this.#world.options.limits.commitWaitMsMax, REPORT_MS / 2);
    this.#world.hold(waitedMs <= longestMs, `${userId}: no report waits longer on purpose than it may`);
  }

  list(userId: string, query: ListQuery, callers: ShardMapping): Promise<EntryPage | Elsewhere> {
    return this.#read(userId, callers, (shard) => shard.list(userId, query));
  }

  continueWatching(userId: string, limit: number, callers: ShardMapping): Promise<EntryPage | Elsewhere> {
    return this.#read(userId, callers, (shard) => shard.continueWatching(userId, limit));
  }

  lookup(userId: string, items: readonly ItemKey[], callers: ShardMapping): Promise<EntryPage | Elsewhere> {
    return this.#read(userId, callers, (shard) => shard.lookup(userId, items));
  }

  mark(userId: string, item: ItemKey, mark: Mark, callers: ShardMapping): Promise<Entry | Elsewhere> {
    return this.#byHand(callers, (shard) => shard.mark(userId, item, mark));
  }

  remove(userId: string, item: ItemKey, callers: ShardMapping): Promise<null | Elsewhere> {
    return this.#byHand(callers, (shard) => shard.remove(userId, item).then(() => null));
  }

  clear(userId: string, callers: ShardMapping): Promise<null | Elsewhere> {
    return this.#byHand(callers, async (shard) => {
      shard.clear(userId);
      return null;
    });
  }

  setSettings(
    userId: string,
    settings: HistorySettings,
    callers: ShardMapping,
  ): Promise<HistorySettings | Elsewhere> {
    return this.#byHand(callers, async (shard) => shard.setSettings(userId, settings));
  }

  settings(userId: string, callers: ShardMapping): Promise<HistorySettings | Elsewhere> {
    return this.object.enter(({ door }) => door.forUser(callers, (shard) => shard.settings(userId)));
  }

  changes(userId: string, query: ChangesQuery, callers: ShardMapping): Promise<ChangePage | Elsewhere> {
    return this.#byHand(callers, (shard) => shard.changes(userId, query));
  }

  exportAll(
    userId: string,
    callers: ShardMapping,
  ): Promise<{ readonly entries: readonly Entry[] } | Elsewhere> {
    return this.object.enter(({ door }) => door.forUser(callers, (shard) => shard.exportAll(userId)));
  }

  collect(keys: readonly RecordKey[], format?: number): Promise<readonly HistoryRecord[]> {
    return this.#serve((shard) => {
      const check = handedOutCheck(keys, this.#world);
      return then(shard.collect(keys, format), (records) => {
        check(records);
        this.#world.hold(
          (format ?? 0) >= FORMAT_OF_STATES || records.every(isReport),
          `shard ${this.watch.number}: a job that knows no tombstones is given none`,
        );
        return records;
      });
    });
  }

  collectStates(userIds: readonly string[]): Promise<readonly UserState[]> {
    return this.#serve((shard) => shard.collectStates(userIds));
  }

  confirmStates(confirmed: readonly StateConfirmation[]): Promise<void> {
    return this.#serve((shard) => shard.confirmStates(confirmed));
  }

  settle(userId: string): Promise<void> {
    return this.#serve((shard) => shard.settle(userId));
  }

  confirm(confirmations: readonly Confirmation[]): Promise<void> {
    return this.#serve((shard) => {
      // What is pending shrinks: the log may be too large for it at once, then and after it.
      this.watch.rowsSinceSnapshot = null;
      return then(shard.confirm(confirmations), () => {
        this.watch.rowsSinceSnapshot = null;
        noteConfirmed(confirmations, this.object.storage, this.watch);
        // A database that takes something is asked again for all it has not taken.
        const answered = new Set(confirmations.map(({ userId }) => this.#world.databaseOf(userId)));
        for (const [name, { database }] of this.watch.sent)
          if (answered.has(database)) this.watch.sent.delete(name);
      });
    });
  }

  refill(userId: string): Promise<void> {
    return this.#serve((shard) => shard.refill(userId));
  }

  erase(userId: string, callers: ShardMapping): Promise<Elsewhere | null> {
    return this.object.enter(({ door }) =>
      door.forUser(callers, (shard) => then(shard.erase(userId), () => null)),
    );
  }

  forgetView(userId: string, callers: ShardMapping): Promise<Elsewhere | null> {
    return this.object.enter(({ door }) =>
      door.forUser(callers, (shard) => {
        shard.forgetView(userId);
        return null;
      }),
    );
  }

  /**
   * An operator wants everything sent now, however lately it was: only what is sent without an
   * order counts.
   */
  flush(): Promise<void> {
    this.watch.sent.clear();
    return this.#serve((shard) => shard.flushNow());
  }

  /** The code of the release before answers nothing. */
  wake(): Promise<LogFormats | void> {
    return this.object.enter(async ({ door }) => {
      await door.shard.wake();
      await door.forAnybody(() => undefined);
      return this.#world.isOldCode(this.watch.number) ? undefined : door.shard.formats();
    });
  }

  raiseFormat(format: number): Promise<void> {
    return this.#serve((shard) => {
      this.#world.hold(
        !this.#world.isOldCode(this.watch.number),
        `shard ${this.watch.number}: nothing new is written while code of the release before is there`,
      );
      checkRows(this.object.storage, this.watch);
      shard.raiseFormat(format);
      this.watch.format = Math.max(this.watch.format, format);
      this.#world.counters.note("format of a shard raised");
    });
  }

  isFromBefore(): Promise<boolean> {
    return this.object.enter(({ isFromBefore }) => isFromBefore);
  }

  mapping(): Promise<StoredMapping> {
    return this.object.enter(({ door }) => door.mapping());
  }

  /** Records that wait for D1, where the shard is alive. */
  get pending(): number {
    return this.status?.pending ?? 0;
  }

  /** States of users that wait for D1. */
  get pendingStates(): number {
    if (this.object.instance === null) return 0;
    const { storage } = this.object;
    // Each step asks, and few write.
    if (this.#counted.writes !== storage.writes) {
      const [row] = storage.inspect(PENDING_STATES);
      this.#counted = { writes: storage.writes, pendingStates: Number(row?.["n"] ?? 0) };
    }
    return this.#counted.pendingStates;
  }

  /** What the shard says of itself, where it is alive. */
  get status(): ShardStatus | null {
    return this.object.instance?.door.shard.status() ?? null;
  }

  #read(
    userId: string,
    callers: ShardMapping,
    read: (shard: Shard) => Promise<EntryPage>,
  ): Promise<EntryPage | Elsewhere> {
    return this.object.enter(({ door }) =>
      door.forReader(callers, async (shard) => {
        const page = await read(shard);
        checkShown(userId, page, shard.status().unreadRows, this.watch);
        return page;
      }),
    );
  }

  /** Refused only while older code may be there. */
  #byHand<T>(callers: ShardMapping, work: (shard: Shard) => Promise<T>): Promise<T | Elsewhere> {
    return this.object.enter(({ door, facts }) =>
      door.forUser(callers, async (shard) => {
        const { format } = facts;
        try {
          const answer = await work(shard);
          this.#world.hold(
            facts.format >= FORMAT_OF_STATES,
            `shard ${this.watch.number}: nothing is done by hand before older code has gone`,
          );
          return answer;
        } catch (error) {
          if (format < FORMAT_OF_STATES) this.#world.counters.note("change by hand refused during a release");
          throw error;
        }
      }),
    );
  }

  #serve<T>(work: (shard: Shard) => T | Promise<T>): Promise<T> {
    return this.object.enter(({ door }) => door.forAnybody(work));
  }

  #crashed(): void {
    this.#world.redis?.died(this.watch.number, this.object.storage);
    this.watch.sent.clear();
    // Whoever asked for what never became durable has no answer, and asks again.
    this.watch.erased.clear();
    for (const userId of this.watch.erasedDurably) this.watch.erased.add(userId);
    this.watch.refilledAtMs.clear();
    for (const userId of this.watch.states.keys()) {
      const { state } = this.#world.model.user(userId);
      if (state === null) this.watch.states.delete(userId);
      else this.watch.states.set(userId, state);
    }
    this.watch.rowsSinceSnapshot = null;
    this.#clock.step(() => this.#world.counters.note("clock stepped at a restart"));
  }

  /** What `wireShard` does. */
  #build(): WiredShard {
    const { mutation, limits, kernel } = this.#world.options;
    const { object } = this;
    const { storage } = object;
    const { cell, name } = placeOf(this.watch.number);
    const facts = new ShardFacts(storage.kv, name);
    this.watch.format = facts.format;
    const sql: ShardSql = {
      exec: (query, ...bindings) => storage.sql.exec(query, ...bindings),
      transaction: mutation.hasTransactions === false ? (work) => work() : storage.transactionSync,
    };
    const log = new SqliteShardLog(sql);
    const call: RemoteCall = (what, effect) => object.leave(what, READER_MS, effect);
    const databases = this.#world
      .databasesFor(call, cell)
      .map((db, number) => ({ name: `${cell.prefix}${number}`, db }));
    const mapping = this.#copyOfMapping(facts, () => shard.rehome());
    const reader = d1HistoryReader(databaseFinder(databases, facts.cell, mapping.databaseOf));
    const queue: FlushQueue = {
      send: (messages) =>
        object.leave("send to the queue", CALL_TIMEOUT_MS.queue, () => {
          this.#world.queue.send(messages.map((message) => bodyOf(message, facts.cell)));
          this.#world.sent();
        }),
    };
    const tellComet: TellComet = (comet, news) =>
      object.leave("tell a comet", CALL_TIMEOUT_MS.comet, () => this.#world.onNews(comet, news));
    const alarm: ShardAlarm = { set: (atMs) => storage.setAlarm(atMs) };
    const shard = new Shard({
      shard: facts.shard,
      alarmAtMs: storage.alarmAtMs,
      limits,
      databases: mapping.databases,
      databaseOf: mapping.databaseOf,
      log: watchedLog(mutation.log?.(log, kernel) ?? log, storage, this.watch),
      listeners: new ShardListeners(sql),
      tellComet: mutation.tellComet?.(tellComet, kernel) ?? tellComet,
      formats: facts,
      losses: facts,
      values: this.#world.redis?.valuesFor(object) ?? null,
      rules: RULES,
      alarm: mutation.alarm?.(alarm) ?? alarm,
      queue: watchedQueue(queue, this.watch),
      reader: watchedReader(mutation.reader?.(reader) ?? reader, this.watch),
      now: this.#clock.now,
      schedule: (delayMs, callback) => object.schedule(delayMs, callback),
      onBackgroundFailure: () => undefined,
    });
    const left = shard.collect([...this.watch.confirmed.values()], LOG_FORMAT);
    // Where Redis can't be told, a confirmation is made again.
    if (!(left instanceof Promise)) checkForgotten(left, this.watch);
    return { isFromBefore: facts.isFromBefore, facts, door: new ShardDoor(shard, mapping) };
  }

  #copyOfMapping(facts: ShardFacts, onLearned: () => void): MappingCopy {
    const { object } = this;
    const { cell } = placeOf(this.watch.number);
    const askMapping = () => {
      this.#world.hold(
        this.watch.durableRev === 0,
        `shard-${this.watch.number}: whoever has a copy of the mapping asks for none`,
      );
      return object.leave("ask for the mapping", CALL_TIMEOUT_MS.database, () =>
        this.#world.mappingOf(cell).current(),
      );
    };
    const before = cell === MAIN ? this.#world.options.before : null;
    return new MappingCopy({ store: facts, before, askMapping, onLearned });
  }
}
