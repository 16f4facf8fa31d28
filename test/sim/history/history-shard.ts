import { codeOf } from "../../../src/contracts/errors.ts";
import type {
  EntryPage,
  ItemKey,
  ListQuery,
  Report,
  ReportReceipt,
  ShardStatus,
} from "../../../src/contracts/history.ts";
import { MappingCopy } from "../../../src/history/biz/mapping-copy.ts";
import type { FlushQueue } from "../../../src/history/biz/ports.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "../../../src/history/biz/record.ts";
import { Shard } from "../../../src/history/biz/shard.ts";
import { ShardDoor } from "../../../src/history/biz/shard-door.ts";
import type { Elsewhere, ShardMapping } from "../../../src/history/biz/shard-mapping.ts";
import { d1HistoryReader } from "../../../src/history/data/d1-history-reader.ts";
import { ShardFacts } from "../../../src/history/data/shard-facts.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { SimClock } from "../kernel/sim-clock.ts";
import { BUCKETS } from "./history-mapping.ts";
import { checkHandedOut, checkShown } from "./history-shard-checks.ts";
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

/** A reader's patience with D1; longer than in production, where calls are not as slow as here. */
const READER_MS = 1_500;
/** What callers of a report say that they have left. */
const REPORT_MS = 400;

interface WiredShard {
  readonly door: ShardDoor;
  readonly isFromBefore: boolean;
}

/** The Durable Object of one shard: the real class over real SQLite. */
export class SimShard {
  readonly object: SimObject<WiredShard>;
  readonly #world: HistoryScene;
  readonly #clock: SimClock;
  readonly watch: Watch;

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
      erased: new Set(),
      erasedDurably: new Set(),
      rowsSinceSnapshot: null,
      refilledAtMs: new Map(),
      now: this.#clock.now,
    };
    this.object = new SimObject({
      kernel,
      name: `shard-${number}`,
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
    reports: readonly Report[],
    callers: ShardMapping,
  ): Promise<ReportReceipt | Elsewhere> {
    return this.object.enter(({ door }) =>
      door.forUser(callers, (shard) => {
        this.#world.hold(this.#world.shardOf(userId) === this, `${userId}: nothing lands in a wrong shard`);
        const areKnown = arePending(this.#world, userId, reports);
        return shard.report(userId, reports, REPORT_MS).then(
          (receipt) => {
            this.#waited(userId, receipt.waitedMs ?? 0);
            return receipt;
          },
          (error: unknown) => {
            const isFull = codeOf(error) === "OVERLOADED";
            this.#world.hold(
              !isFull || !areKnown,
              `${userId}: a report of what is pending is taken by a full shard`,
            );
            throw error;
          },
        );
      }),
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

  collect(keys: readonly RecordKey[]): Promise<readonly HistoryRecord[]> {
    return this.#serve((shard) => {
      const records = shard.collect(keys);
      checkHandedOut(records, this.#world);
      return records;
    });
  }

  confirm(confirmations: readonly Confirmation[]): Promise<void> {
    return this.#serve((shard) => {
      shard.confirm(confirmations);
      // A database that takes something is asked again for all it has not taken.
      // What is pending has shrunk: the log may be too large for it at once.
      this.watch.rowsSinceSnapshot = null;
      const answered = new Set(confirmations.map(({ userId }) => this.#world.databaseOf(userId)));
      for (const [name, { database }] of this.watch.sent)
        if (answered.has(database)) this.watch.sent.delete(name);
    });
  }

  refill(userId: string): Promise<void> {
    return this.#serve((shard) => shard.refill(userId));
  }

  erase(userId: string, callers: ShardMapping): Promise<Elsewhere | null> {
    return this.object.enter(({ door }) =>
      door.forUser(callers, (shard) => {
        shard.erase(userId);
        return null;
      }),
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

  wake(): Promise<void> {
    return this.object.enter(({ door }) => {
      door.shard.wake();
      return door.forAnybody(() => undefined);
    });
  }

  isFromBefore(): Promise<boolean> {
    return this.object.enter(({ isFromBefore }) => isFromBefore);
  }

  /** Records that wait for D1, where the shard is alive. */
  get pending(): number {
    return this.status?.pending ?? 0;
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

  #serve<T>(work: (shard: Shard) => T | Promise<T>): Promise<T> {
    return this.object.enter(({ door }) => door.forAnybody(work));
  }

  #crashed(): void {
    this.watch.sent.clear();
    // Whoever asked for what never became durable has no answer, and asks again.
    this.watch.erased.clear();
    for (const userId of this.watch.erasedDurably) this.watch.erased.add(userId);
    this.watch.refilledAtMs.clear();
    this.watch.rowsSinceSnapshot = null;
    this.#clock.step(() => this.#world.counters.note("clock stepped at a restart"));
  }

  /** What `wireShard` does. */
  #build(): WiredShard {
    const { mutation, limits, kernel } = this.#world.options;
    const { object } = this;
    const { storage } = object;
    const facts = new ShardFacts(storage.kv, `shard-${this.watch.number}`);
    const log = new SqliteShardLog({
      exec: (query, ...bindings) => storage.sql.exec(query, ...bindings),
      transaction: mutation.hasTransactions === false ? (work) => work() : storage.transactionSync,
    });
    const call: RemoteCall = (what, effect) => object.leave(what, READER_MS, effect);
    const databaseOf = (userId: string): number => this.#world.databaseOf(userId);
    const reader = d1HistoryReader(this.#world.databasesFor(call), databaseOf);
    const queue: FlushQueue = {
      send: (messages) =>
        object.leave("send to the queue", CALL_TIMEOUT_MS.queue, () => this.#world.queue.send(messages)),
    };
    const shard = new Shard({
      shard: this.watch.number,
      alarmAtMs: storage.alarmAtMs,
      limits,
      databases: this.#world.databases.length,
      databaseOf,
      log: watchedLog(mutation.log?.(log, kernel) ?? log, storage, this.watch),
      // A call of the storage that fails later than at once is heard by nobody.
      alarm: { set: (atMs) => void storage.setAlarm(atMs).catch(() => undefined) },
      queue: watchedQueue(queue, this.watch),
      reader: watchedReader(mutation.reader?.(reader) ?? reader, this.watch),
      now: this.#clock.now,
      schedule: (delayMs, callback) => object.schedule(delayMs, callback),
      onBackgroundFailure: () => undefined,
    });
    const askMapping = () => {
      this.#world.hold(
        this.watch.durableRev === 0,
        `shard-${this.watch.number}: whoever has a copy of the mapping asks for none`,
      );
      return object.leave("ask for the mapping", CALL_TIMEOUT_MS.database, () =>
        this.#world.mapping.current(),
      );
    };
    const mapping = new MappingCopy({ store: facts, buckets: BUCKETS, askMapping });
    return { isFromBefore: facts.isFromBefore, door: new ShardDoor(shard, mapping) };
  }
}
