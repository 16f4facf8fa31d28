import { readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { bucketOf } from "../../src/history/biz/buckets.ts";
import { eraseUser } from "../../src/history/biz/erasure.ts";
import { everyShard } from "../../src/history/biz/every-shard.ts";
import { createHistoryJob } from "../../src/history/biz/history-job.ts";
import type { FlushQueue, HistoryWriter, ShardLog, ShardPort } from "../../src/history/biz/ports.ts";
import { recordName } from "../../src/history/biz/record.ts";
import { Shard, type ShardLimits } from "../../src/history/biz/shard.ts";
import { d1FailureStore } from "../../src/history/data/d1-dead-letters.ts";
import { d1Erasure } from "../../src/history/data/d1-erasure.ts";
import { d1HistoryReader } from "../../src/history/data/d1-history-reader.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { SqliteShardLog } from "../../src/history/data/sqlite-shard-log.ts";
import { queueConsumer } from "../../src/history/service/queue-consumer.ts";
import { CALL_QUOTA_MS } from "../../src/platform/call-quotas.ts";
import { createLogger } from "../../src/platform/logger.ts";
import { jumpHash, jumpKey } from "../../src/resilience/jump-hash.ts";
import { BrokenInvariant } from "./broken-invariant.ts";
import { SimClock } from "./history-clock.ts";
import { Counters } from "./history-counters.ts";
import { SimDatabase } from "./history-database.ts";
import type { FaultName } from "./history-known-faults.ts";
import { HistoryModel } from "./history-model.ts";
import { HistoryQueue } from "./history-queue.ts";
import { checkHandedOut, watchedLog, watchedQueue, watchedWriter, type Watch } from "./history-watch.ts";
import { SimProcess, type Kernel } from "./kernel.ts";
import type { RemoteCall } from "./remote-d1.ts";
import { SimObject } from "./sim-object.ts";

/*
 * Everything here that names a class or a port of src/history is a place of construction: when a constructor changes, this file does, and
 * history-watch.ts where a port does. The rest of the simulator calls `SimShard`.
 */

const MIGRATIONS = readFileSync(`${PROJECT_ROOT}migrations/history/0001_history.sql`, "utf8");
const SHARDS = 3;
const JOBS = 2;
/** A reader's patience with D1; longer than in production, where calls are not as slow as here. */
const READER_MS = 1_500;
const RPC_MS = 5_000;
const STALL_MS_MAX = 240_000;

/** One guard, broken on purpose. Everything absent is as it should be. */
export interface Mutation {
  readonly name: string;
  /** Rewrites the SQL of the databases. */
  readonly d1?: (query: string) => string;
  /** Rewrites the SQL of the shards. */
  readonly shardSql?: (query: string) => string;
  readonly log?: (log: ShardLog, kernel: Kernel) => ShardLog;
  /** The shards as the job calls them. */
  readonly shards?: (shards: ShardPort) => ShardPort;
  readonly writer?: (writer: HistoryWriter) => HistoryWriter;
  readonly hasSweep?: boolean;
  /** Changes classes for the time of one run; the answer puts them back. */
  readonly patch?: () => () => void;
}

export const HEALTHY: Mutation = { name: "nothing" };

export interface SimShard {
  readonly object: SimObject<Shard>;
  readonly clock: SimClock;
  readonly watch: Watch;
}

export interface WorldOptions {
  readonly kernel: Kernel;
  readonly mutation: Mutation;
  readonly limits: ShardLimits;
  readonly faults: ReadonlySet<FaultName>;
  /** Shares of the job's steps that stall, of messages that are given up at once, and how wrong clocks may be in ms. */
  readonly hardship: { stalls: number; drops: number; skewMsMax: number };
}

/** Shards, queue, job and databases of the real classes over the real SQL, in a simulated world. */
export class HistoryWorld {
  readonly options: WorldOptions;
  readonly model = new HistoryModel();
  readonly counters = new Counters();
  readonly databases: readonly SimDatabase[];
  readonly shards: readonly SimShard[];
  readonly jobs: readonly SimProcess[];
  /** The first thing that did not hold. */
  broken: BrokenInvariant | null = null;
  readonly #operator = new SimProcess("operator");
  readonly #queue: HistoryQueue;
  readonly #rewrite: (query: string) => string;

  constructor(options: WorldOptions) {
    const { kernel, mutation } = options;
    this.options = options;
    this.#rewrite = mutation.d1 ?? ((query) => query);
    this.databases = [0, 1].map(() => new SimDatabase(kernel, MIGRATIONS));
    this.jobs = Array.from({ length: JOBS }, (_, job) => new SimProcess(`job-${job}`, () => this.counters.note("consumer died")));
    this.#queue = new HistoryQueue(kernel, this.jobs, (process) => this.#consumer(process), options.hardship, this.counters);
    this.shards = Array.from({ length: SHARDS }, (_, number) => this.#shard(number));
  }

  readonly hold = (holds: boolean, what: string): void => {
    if (!holds) this.broken ??= new BrokenInvariant(what);
  };

  shardOf(userId: string): SimShard {
    const shard = this.shards[jumpHash(jumpKey(userId), SHARDS)];
    if (shard === undefined) throw new RangeError("there is no such shard");
    return shard;
  }

  databaseOf(userId: string): number {
    return bucketOf(userId) < 512 ? 0 : 1;
  }

  /** What identity does until it has worked. Throws where it has to be done again. */
  async erase(userId: string): Promise<void> {
    const call = this.#callOf(this.#operator, CALL_QUOTA_MS.job);
    const eraseInShard = (user: string): Promise<void> =>
      call("erase in a shard", () => this.shardOf(user).object.enter((shard) => shard.erase(user)));
    await eraseUser({ eraseInShard, eraseInDatabases: this.databases.map((db) => d1Erasure(db.reachedBy(call, this.#rewrite))) }, userId);
  }

  /** The cron: whoever has lost its alarm sets it again. */
  async sweep(): Promise<void> {
    if (this.options.mutation.hasSweep === false) return;
    await this.#everyShard("wake a shard", (shard) => shard.wake());
  }

  async flush(): Promise<void> {
    await this.#everyShard("flush a shard", (shard) => shard.flushNow());
  }

  #everyShard(what: string, act: (shard: Shard) => void | Promise<void>): Promise<void> {
    const call = this.#callOf(this.#operator, CALL_QUOTA_MS.job);
    return everyShard(SHARDS, (number) => call(what, async () => this.shards[number]?.object.enter(act)));
  }

  #shard(number: number): SimShard {
    const { kernel, hardship, faults, mutation } = this.options;
    const clock = new SimClock(kernel, hardship, faults.has("month-ahead"));
    const watch: Watch = { kernel, world: this, number, durableRev: 0, sent: new Map() };
    const object: SimObject<Shard> = new SimObject({
      kernel,
      name: `shard-${number}`,
      now: clock.now,
      build: () => this.#buildShard(number, object, clock, watch),
      onAlarm: (shard) => shard.onAlarm(),
      onCrash: () => clock.step(() => this.counters.note("clock stepped at a restart")),
      note: (event) => this.counters.note(event),
    });
    if (mutation.shardSql !== undefined) object.storage.rewrite = mutation.shardSql;
    return { object, clock, watch };
  }

  /** What `wireShard` does. */
  #buildShard(number: number, object: SimObject<Shard>, clock: SimClock, watch: Watch): Shard {
    const { mutation, limits, kernel } = this.options;
    const log = new SqliteShardLog(object.storage.sql);
    const call: RemoteCall = (what, effect) => object.leave(what, READER_MS, effect);
    const databases = this.databases.map((db) => db.reachedBy(call, this.#rewrite));
    const queue: FlushQueue = {
      send: (messages) => object.leave("send to the queue", CALL_QUOTA_MS.queue, () => this.#queue.send(messages)),
    };
    return new Shard({
      shard: number,
      alarmAtMs: object.storage.alarmAtMs,
      limits,
      log: watchedLog(mutation.log?.(log, kernel) ?? log, object.storage, watch),
      // A call of the storage that fails later than at once is heard by nobody.
      alarm: { set: (atMs) => void object.storage.setAlarm(atMs).catch(() => undefined) },
      queue: watchedQueue(queue, watch),
      reader: d1HistoryReader((userId) => databases[this.databaseOf(userId)] ?? this.#missing()),
      now: clock.now,
      schedule: (delayMs, callback) => object.schedule(delayMs, callback),
      onBackgroundFailure: () => undefined,
    });
  }

  /** What `wire` builds for the job: one isolate of it. */
  #consumer(process: SimProcess): (batch: MessageBatch) => Promise<void> {
    const { kernel, mutation } = this.options;
    const call = this.#callOf(process, CALL_QUOTA_MS.job);
    const rpc = this.#callOf(process, RPC_MS);
    const databases = this.databases.map((db) => db.reachedBy(call, this.#rewrite));
    const enter = <T>(what: string, shard: number, run: (instance: Shard) => T | Promise<T>): Promise<T> =>
      rpc(what, () => (this.shards[shard]?.object ?? this.#missing()).enter(run));
    const shards: ShardPort = {
      collect: (shard, keys) =>
        enter("collect", shard, (instance) => {
          const records = instance.collect(keys);
          checkHandedOut(records, this);
          return records;
        }),
      confirm: async (shard, confirmations) => {
        await this.#mayStall(process, "consumer stalled before its confirmation");
        await enter("confirm", shard, (instance) => instance.confirm(confirmations));
        for (const key of confirmations) this.shards[shard]?.watch.sent.delete(recordName(key));
      },
      refill: (shard, userId) => enter("refill", shard, (instance) => instance.refill(userId)),
    };
    const runJob = createHistoryJob({
      shards: mutation.shards?.(shards) ?? shards,
      writers: databases.map((db, index) => {
        const writer = d1HistoryWriter(db, kernel.now);
        const stall = (): Promise<void> => this.#mayStall(process, "consumer stalled before its write");
        return watchedWriter(mutation.writer?.(writer) ?? writer, this.databases[index]?.db ?? this.#missing(), stall, this);
      }),
      databaseOf: (userId) => this.databaseOf(userId),
      entriesPerUserMax: this.options.limits.entriesPerUserMax,
      // The job trims one user in fifty; here one in four, or it would hardly ever.
      random: () => kernel.random() ** 3,
      onFailure: () => undefined,
    });
    const [first, ...others] = databases;
    const failures = d1FailureStore([first ?? this.#missing(), ...others], kernel.now);
    const keepDeadLetter: typeof failures.keep = async (letter) => {
      await failures.keep(letter);
      this.counters.note("dead letter kept");
    };
    return queueConsumer({ runJob, keepDeadLetter, logger: createLogger({ worker: "simulated", level: "silent" }) });
  }

  async #mayStall(
    process: SimProcess,
    what: "consumer stalled before its write" | "consumer stalled before its confirmation",
  ): Promise<void> {
    const { kernel, hardship } = this.options;
    if (!kernel.chance(hardship.stalls)) return;
    this.counters.note(what);
    await kernel.pause(process, Math.floor(kernel.random() * STALL_MS_MAX));
  }

  #callOf(process: SimProcess, patienceMs: number): RemoteCall {
    return (what, effect) => this.options.kernel.ask(process, what, patienceMs, effect);
  }

  #missing(): never {
    throw new RangeError("there is no such shard or database");
  }
}
