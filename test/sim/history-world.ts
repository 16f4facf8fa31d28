import { readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { bucketOf } from "../../src/history/biz/buckets.ts";
import { eraseUser } from "../../src/history/biz/erasure.ts";
import { everyShard } from "../../src/history/biz/every-shard.ts";
import { ShardDirectory } from "../../src/history/biz/shard-directory.ts";
import type { ShardLimits } from "../../src/history/biz/shard.ts";
import { d1Erasure } from "../../src/history/data/d1-erasure.ts";
import { d1MappingStore } from "../../src/history/data/d1-mapping-store.ts";
import { CALL_QUOTA_MS } from "../../src/platform/call-quotas.ts";
import { jumpHash, jumpKey } from "../../src/resilience/jump-hash.ts";
import { BrokenInvariant } from "./broken-invariant.ts";
import { Counters } from "./history-counters.ts";
import { SimDatabase } from "./history-database.ts";
import { jobConsumer, JobProcess } from "./history-job.ts";
import type { FaultName } from "./history-known-faults.ts";
import { HistoryModel } from "./history-model.ts";
import type { Mutation } from "./history-mutation.ts";
import { HistoryQueue } from "./history-queue.ts";
import { SimShard } from "./history-shard.ts";
import type { Hardship } from "./history-trouble.ts";
import { SimProcess, type Kernel } from "./kernel.ts";
import type { RemoteCall } from "./remote-d1.ts";

/*
 * PLACE OF CONSTRUCTION, with history-shard.ts and history-job.ts: nothing else in the simulator knows how src/history is wired.
 */

const MIGRATIONS = readFileSync(`${PROJECT_ROOT}migrations/history/0001_history.sql`, "utf8");
const SHARDS = 3;
const JOBS = 2;

export interface WorldOptions {
  readonly kernel: Kernel;
  readonly mutation: Mutation;
  readonly limits: ShardLimits;
  readonly faults: ReadonlySet<FaultName>;
  readonly hardship: Hardship;
}

/** Shards, queue, job and databases of the real classes over the real SQL, in a simulated world. */
export class HistoryWorld {
  readonly options: WorldOptions;
  readonly model = new HistoryModel();
  readonly counters = new Counters();
  readonly databases: readonly SimDatabase[];
  readonly shards: readonly SimShard[];
  readonly jobs: readonly JobProcess[];
  readonly queue: HistoryQueue;
  /** The first thing that did not hold. */
  broken: BrokenInvariant | null = null;
  readonly #operator = new SimProcess("operator");
  readonly #directory: ShardDirectory;

  constructor(options: WorldOptions) {
    const { kernel, hardship } = options;
    this.options = options;
    this.databases = [0, 1].map(() => new SimDatabase(kernel, MIGRATIONS));
    this.jobs = Array.from({ length: JOBS }, (_, job) => {
      return new JobProcess(`job-${job}`, (steps) => {
        for (const step of steps) this.counters.note(`consumer died while it ${step}`);
      });
    });
    this.queue = new HistoryQueue(kernel, this.jobs, (process) => jobConsumer(this, process), hardship, this.counters);
    this.shards = Array.from({ length: SHARDS }, (_, number) => new SimShard(this, number));
    const mappings = this.reached(this.database(0), this.callOf(this.#operator, CALL_QUOTA_MS.database));
    this.#directory = new ShardDirectory({ store: d1MappingStore(mappings, kernel.now), seedShards: SHARDS, now: kernel.now });
  }

  /** Takes note of what must hold and does not: thrown inside of a shard it would be taken for a failure of the storage. */
  readonly hold = (holds: boolean, what: string): void => {
    if (!holds) this.broken ??= new BrokenInvariant(what);
  };

  /** The shard of a user, as callers find it. */
  async find(userId: string): Promise<SimShard> {
    // Issue 8, item 2: the stored mapping is read from D1 before the first call.
    if (this.options.faults.has("reports-need-d1")) return this.shard(await this.#directory.shardOf(userId));
    return this.shardOf(userId);
  }

  shardOf(userId: string): SimShard {
    return this.shard(jumpHash(jumpKey(userId), SHARDS));
  }

  shard(number: number): SimShard {
    const shard = this.shards[number];
    if (shard === undefined) throw new RangeError(`there is no shard ${number}`);
    return shard;
  }

  databaseOf(userId: string): number {
    return bucketOf(userId) < 512 ? 0 : 1;
  }

  database(number: number): SimDatabase {
    const database = this.databases[number];
    if (database === undefined) throw new RangeError(`there is no database ${number}`);
    return database;
  }

  /** The database of each user, as seen by whoever makes `call`s. */
  databasesFor(call: RemoteCall): (userId: string) => D1Database {
    const reached = this.databases.map((database) => this.reached(database, call));
    return (userId) => {
      const db = reached[this.databaseOf(userId)];
      if (db === undefined) throw new RangeError("there is no such database");
      return db;
    };
  }

  reached(database: SimDatabase, call: RemoteCall): D1Database {
    return database.reachedBy(call, (query) => this.rewritten(this.options.mutation.d1, query));
  }

  callOf(process: SimProcess, patienceMs: number): RemoteCall {
    return (what, effect) => this.options.kernel.ask(process, what, patienceMs, effect);
  }

  rewritten(rewrite: ((query: string) => string) | undefined, query: string): string {
    const written = rewrite?.(query) ?? query;
    if (written !== query) this.counters.note("statement rewritten");
    return written;
  }

  /** What identity does until it has worked. Throws where it has to be done again. */
  async erase(userId: string): Promise<void> {
    const call = this.callOf(this.#operator, CALL_QUOTA_MS.job);
    const eraseInShard = (user: string): Promise<void> => call("erase in a shard", () => this.shardOf(user).erase(user));
    await eraseUser({ eraseInShard, eraseInDatabases: this.databases.map((db) => d1Erasure(this.reached(db, call))) }, userId);
  }

  /** The cron: whoever has lost its alarm sets it again. */
  async sweep(): Promise<void> {
    if (this.options.mutation.hasSweep === false) return;
    await this.#everyShard("wake a shard", (shard) => shard.wake());
  }

  async flush(): Promise<void> {
    await this.#everyShard("flush a shard", (shard) => shard.flush());
  }

  #everyShard(what: string, act: (shard: SimShard) => Promise<void>): Promise<void> {
    const call = this.callOf(this.#operator, CALL_QUOTA_MS.job);
    return everyShard(SHARDS, (number) => call(what, () => act(this.shard(number))));
  }
}
