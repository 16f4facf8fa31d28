import type { EntryPage, ItemKey, ListQuery, Report, ReportReceipt } from "../../src/contracts/history.ts";
import type { FlushQueue } from "../../src/history/biz/ports.ts";
import { recordName, type Confirmation, type HistoryRecord, type RecordKey } from "../../src/history/biz/record.ts";
import { Shard } from "../../src/history/biz/shard.ts";
import { d1HistoryReader } from "../../src/history/data/d1-history-reader.ts";
import { SqliteShardLog } from "../../src/history/data/sqlite-shard-log.ts";
import { CALL_QUOTA_MS } from "../../src/platform/call-quotas.ts";
import { SimClock } from "./history-clock.ts";
import { checkHandedOut, watchedLog, watchedQueue, type Watch } from "./history-watch.ts";
import type { HistoryWorld } from "./history-world.ts";
import type { RemoteCall } from "./remote-d1.ts";
import { SimObject } from "./sim-object.ts";

/*
 * PLACE OF CONSTRUCTION: here a shard is built and called, as `wireShard` and the shard object do it. When the constructor or a method changes,
 * this file does (and history-watch.ts where a port does).
 */

/** A reader's patience with D1; longer than in production, where calls are not as slow as here. */
const READER_MS = 1_500;

/** The Durable Object of one shard: the real class over real SQLite. */
export class SimShard {
  readonly object: SimObject<Shard>;
  readonly #world: HistoryWorld;
  readonly #clock: SimClock;
  readonly #watch: Watch;

  constructor(world: HistoryWorld, number: number) {
    const { kernel, hardship, faults, mutation } = world.options;
    this.#world = world;
    this.#clock = new SimClock(kernel, hardship, faults.has("month-ahead"));
    this.#watch = { world, number, durableRev: 0, sent: new Map() };
    this.object = new SimObject({
      kernel,
      name: `shard-${number}`,
      now: this.#clock.now,
      build: () => this.#build(),
      onAlarm: (shard) => shard.onAlarm(),
      onCrash: () => this.#crashed(),
      hasOutputGate: mutation.hasOutputGate ?? true,
      note: (event) => world.counters.note(event),
    });
    this.object.storage.rewrite = (query) => world.rewritten(mutation.shardSql, query);
  }

  report(userId: string, reports: readonly Report[]): Promise<ReportReceipt> {
    return this.object.enter((shard) => shard.report(userId, reports));
  }

  list(userId: string, query: ListQuery): Promise<EntryPage> {
    return this.#read((shard) => shard.list(userId, query));
  }

  continueWatching(userId: string, limit: number): Promise<EntryPage> {
    return this.#read((shard) => shard.continueWatching(userId, limit));
  }

  lookup(userId: string, items: readonly ItemKey[]): Promise<EntryPage> {
    return this.#read((shard) => shard.lookup(userId, items));
  }

  collect(keys: readonly RecordKey[]): Promise<readonly HistoryRecord[]> {
    return this.object.enter((shard) => {
      const records = shard.collect(keys);
      checkHandedOut(records, this.#world);
      return records;
    });
  }

  confirm(confirmations: readonly Confirmation[]): Promise<void> {
    return this.object.enter((shard) => {
      shard.confirm(confirmations);
      for (const key of confirmations) this.#watch.sent.delete(recordName(key));
    });
  }

  refill(userId: string): Promise<void> {
    return this.object.enter((shard) => shard.refill(userId));
  }

  erase(userId: string): Promise<void> {
    return this.object.enter((shard) => shard.erase(userId));
  }

  flush(): Promise<void> {
    return this.object.enter((shard) => shard.flushNow());
  }

  wake(): Promise<void> {
    return this.object.enter((shard) => shard.wake());
  }

  /** Records that wait for D1, where the shard is alive. */
  get pending(): number {
    return this.object.instance?.status().pending ?? 0;
  }

  #read(answer: (shard: Shard) => Promise<EntryPage>): Promise<EntryPage> {
    const { faults, kernel } = this.#world.options;
    const sentAtMs = kernel.nowMs;
    return this.object.enter((shard) => {
      if (faults.has("callers-clocks")) shard.admitRead(sentAtMs);
      return answer(shard);
    });
  }

  #crashed(): void {
    this.#watch.sent.clear();
    this.#clock.step(() => this.#world.counters.note("clock stepped at a restart"));
  }

  /** What `wireShard` does. */
  #build(): Shard {
    const { mutation, limits, kernel } = this.#world.options;
    const { object } = this;
    const log = new SqliteShardLog(object.storage.sql);
    const call: RemoteCall = (what, effect) => object.leave(what, READER_MS, effect);
    const databaseOf = this.#world.databasesFor(call);
    const reader = d1HistoryReader(databaseOf);
    const queue: FlushQueue = {
      send: (messages) => object.leave("send to the queue", CALL_QUOTA_MS.queue, () => this.#world.queue.send(messages)),
    };
    return new Shard({
      shard: this.#watch.number,
      alarmAtMs: object.storage.alarmAtMs,
      limits,
      log: watchedLog(mutation.log?.(log, kernel) ?? log, object.storage, this.#watch),
      // A call of the storage that fails later than at once is heard by nobody.
      alarm: { set: (atMs) => void object.storage.setAlarm(atMs).catch(() => undefined) },
      queue: watchedQueue(queue, this.#watch),
      reader: mutation.reader?.(reader) ?? reader,
      now: this.#clock.now,
      schedule: (delayMs, callback) => object.schedule(delayMs, callback),
      onBackgroundFailure: () => undefined,
    });
  }
}
