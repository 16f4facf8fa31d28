import { bucketOf } from "../../../src/history/biz/buckets.ts";
import { eraseUser } from "../../../src/history/biz/erasure.ts";
import { redriveRejected } from "../../../src/history/biz/redrive.ts";
import { everyShard } from "../../../src/history/biz/every-shard.ts";
import { ShardDirectory } from "../../../src/history/biz/shard-directory.ts";
import { d1Erasure } from "../../../src/history/data/d1-erasure.ts";
import { d1Rejected } from "../../../src/history/data/d1-rejected.ts";
import { oldLetters } from "../../../src/history/data/d1-retention.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import {
  isElsewhere,
  shardOf,
  type Elsewhere,
  type ShardMapping,
} from "../../../src/history/biz/shard-mapping.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { BrokenInvariant } from "../kernel/broken-invariant.ts";
import { Counters } from "./history-counters.ts";
import { SimDatabase } from "../kernel/sim-database.ts";
import { jobConsumer, JobProcess } from "./history-job.ts";
import { HistoryModel } from "./history-model.ts";
import { HistoryQueue } from "./history-queue.ts";
import { UNKNOWN_MUTATION } from "./history-watch.ts";
import { SimMapping } from "./history-mapping.ts";
import type { HistoryScene, WorldOptions } from "./history-scene.ts";
import { SimShard } from "./history-shard.ts";
import { SimProcess } from "../kernel/kernel.ts";
import type { RemoteCall } from "../kernel/remote-d1.ts";

/*
 * PLACE OF CONSTRUCTION, with history-shard.ts and history-job.ts: nothing else in the simulator
 * knows how src/history is wired.
 */

const MIGRATIONS = migrationsOf("history");
const SHARDS = 3;
/**
 * What a worker begins with where the platform has been there before: it is wrong until a shard has
 * said so.
 */
export const WRONG_SEED = 2;
/** Isolates that call shards, each with what it has learned. */
const ISOLATES = 2;
const JOBS = 2;

export function seedOf(isOld: boolean): number {
  return isOld ? WRONG_SEED : SHARDS;
}

/** Shards, queue, job and databases of the real classes over the real SQL, in a simulated world. */
export class HistoryWorld implements HistoryScene {
  readonly options: WorldOptions;
  readonly model: HistoryModel;
  readonly counters = new Counters();
  readonly databases: readonly SimDatabase[];
  readonly shards: readonly SimShard[];
  readonly jobs: readonly JobProcess[];
  readonly queue: HistoryQueue;
  readonly mapping: SimMapping;
  /** The first thing that did not hold. */
  broken: BrokenInvariant | null = null;
  readonly #operator = new SimProcess("operator");
  #directories: readonly ShardDirectory[] = [];

  constructor(options: WorldOptions) {
    const { kernel, hardship } = options;
    this.options = options;
    this.model = new HistoryModel(options.limits.entriesPerUserMax);
    this.databases = [0, 1].map(() => new SimDatabase(kernel, MIGRATIONS));
    this.jobs = Array.from({ length: JOBS }, (_, job) => {
      return new JobProcess(`job-${job}`, (steps) => {
        for (const step of steps) this.counters.note(`consumer died while it ${step}`);
      });
    });
    this.queue = new HistoryQueue(
      kernel,
      this.jobs,
      (process) => jobConsumer(this, process),
      hardship,
      this.counters,
    );
    this.shards = Array.from({ length: SHARDS }, (_, number) => new SimShard(this, number));
    this.mapping = new SimMapping(this);
    if (options.isOld) this.#leaveFromBefore();
    this.freshIsolates();
  }

  #leaveFromBefore(): void {
    this.database(0).db.sqlite.exec(
      `INSERT INTO shard_mapping (version, shards, created_at) VALUES (1, ${SHARDS}, 0)`,
    );
    for (const [number, { object }] of this.shards.entries()) object.storage.plant("shard", number);
  }

  /** Isolates begin anew: they know the seed and nothing else. */
  freshIsolates(): void {
    const { seedShards } = this.options;
    const call = this.callOf(this.#operator, CALL_TIMEOUT_MS.database);
    const askMapping = (): Promise<ShardMapping> => call("ask for the mapping", () => this.mapping.current());
    this.#directories = Array.from(
      { length: ISOLATES },
      () => new ShardDirectory({ seedShards, askMapping }),
    );
  }

  /**
   * Takes note of what must hold and does not: thrown inside of a shard it would be taken for a
   * failure of the storage.
   */
  readonly hold = (holds: boolean, what: string): void => {
    if (!holds) this.broken ??= new BrokenInvariant(what);
  };

  /** The answer of a user's shard, as an isolate of the history worker finds it. */
  async ofUser<T>(
    userId: string,
    ask: (shard: SimShard, mapping: ShardMapping) => Promise<T | Elsewhere>,
  ): Promise<T> {
    const directory = this.options.kernel.pick(this.#directories);
    return directory.ofUser(userId, async (number, mapping) => {
      const answer = await ask(this.shard(number), mapping);
      if (isElsewhere(answer)) this.counters.note("caller sent to another shard");
      return answer;
    });
  }

  /** Where a user belongs. */
  shardOf(userId: string): SimShard {
    return this.shard(shardOf(userId, { version: 1, shards: SHARDS }));
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

  /** The databases as seen by whoever makes `call`s. */
  databasesFor(call: RemoteCall): readonly D1Database[] {
    return this.databases.map((database) => this.reached(database, call));
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
    const call = this.callOf(this.#operator, CALL_TIMEOUT_MS.job);
    const databases = this.databasesFor(call);
    const letters = oldLetters(this.reached(this.database(0), call));
    await eraseUser(
      {
        eraseInShard: async (user) => {
          await this.ofUser(user, (shard, mapping) =>
            call("erase in a shard", () => shard.erase(user, mapping)),
          );
        },
        eraseInDatabases: databases.map(d1Erasure),
        pruneOldLetters: () => letters.prune(this.options.kernel.nowMs),
      },
      userId,
    );
  }

  /** The cron: whoever has lost its alarm sets it again. */
  async sweep(): Promise<void> {
    if (this.options.mutation.hasSweep === false) return;
    await this.#everyShard("wake a shard", (shard) => shard.wake());
  }

  async flush(): Promise<void> {
    await this.#everyShard("flush a shard", (shard) => shard.flush());
  }

  /** Whatever was set aside is tried again. */
  async redrive(): Promise<void> {
    const call = this.callOf(this.#operator, CALL_TIMEOUT_MS.job);
    const stores = this.databasesFor(call).map((db) => d1Rejected(db, this.options.kernel.now));
    const { redriven, refused } = await redriveRejected(stores, { all: true });
    for (const { userId } of redriven)
      await this.ofUser(userId, (shard, mapping) =>
        call("forget a view", () => shard.forgetView(userId, mapping)),
      );
    this.hold(refused.length === 0, "what is redriven when all is well is taken");
  }

  /**
   * The release is deployed that can read the rows which this one could not: here, one for which
   * the unknown part is gone.
   */
  rollForward(): void {
    for (const { object, watch } of this.shards) {
      this.options.kernel.crash(object.process);
      for (const table of ["log", "unread_row"]) object.storage.strip(table, UNKNOWN_MUTATION);
      watch.unknown.clear();
    }
  }

  #everyShard(what: string, act: (shard: SimShard) => Promise<void>): Promise<void> {
    const call = this.callOf(this.#operator, CALL_TIMEOUT_MS.job);
    return everyShard(SHARDS, (number) => call(what, () => act(this.shard(number))));
  }
}
