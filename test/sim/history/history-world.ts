import { bucketOf } from "../../../src/history/biz/buckets.ts";
import { BUCKETS_BEFORE } from "../../../src/history/biz/buckets-of-before.ts";
import { eraseUser } from "../../../src/history/biz/erasure.ts";
import { redriveRejected } from "../../../src/history/biz/redrive.ts";
import { everyOne } from "../../../src/history/biz/every-one.ts";
import { everyShard } from "../../../src/history/biz/every-shard.ts";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import { wakeAndRaiseFormat } from "../../../src/history/biz/raise-format.ts";
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
import { HistoryBus } from "./history-bus.ts";
import { HistoryQueue } from "./history-queue.ts";
import { HistoryRedis } from "./history-redis.ts";
import { UNKNOWN_MUTATION } from "./history-watch.ts";
import { cellOf, CELLS, DATABASES, inWorld, MAIN, SHARDS, type SimCell } from "./history-cells.ts";
import { seedOf as seedShardsOf, SimMapping } from "./history-mapping.ts";
import type { HistoryScene, WorldOptions } from "./history-scene.ts";
import { SimShard } from "./history-shard.ts";
import { SimProcess } from "../kernel/kernel.ts";
import type { RemoteCall } from "../kernel/remote-d1.ts";

/*
 * PLACE OF CONSTRUCTION, with history-shard.ts and history-job.ts: nothing else in the simulator
 * knows how src/history is wired.
 */

const MIGRATIONS = migrationsOf("history");
/**
 * What a worker begins with where the platform has been there before: it is wrong until a shard has
 * said so.
 */
export const WRONG_SEED = 2;
/** Isolates that call shards, each with what it has learned. */
const ISOLATES = 2;
const JOBS = 2;
/** In what part of the time of trouble the last shard has the code of this release. */
const ROLLOUT = 0.7;

export function seedOf(isOld: boolean): number {
  return isOld ? WRONG_SEED : MAIN.shards.length;
}

/** Shards, queue, job and databases of the real classes over the real SQL, in a simulated world. */
export class HistoryWorld implements HistoryScene {
  readonly options: WorldOptions;
  readonly model: HistoryModel;
  readonly counters = new Counters();
  readonly databases: readonly SimDatabase[];
  readonly shards: readonly SimShard[];
  readonly jobs: readonly JobProcess[];
  readonly queue: { send(bodies: readonly object[]): void };
  /** Null where the queue is the bus, as it is by default. */
  readonly bus: HistoryBus | null;
  readonly redis: HistoryRedis | null;
  readonly mappings: ReadonlyMap<SimCell, SimMapping>;
  /** The first thing that did not hold. */
  broken: BrokenInvariant | null = null;
  readonly #operator = new SimProcess("operator");
  #directories: ReadonlyMap<SimCell, readonly ShardDirectory[]> = new Map();

  constructor(options: WorldOptions) {
    const { kernel, hardship } = options;
    this.options = options;
    this.model = new HistoryModel(options.limits.entriesPerUserMax, kernel.now);
    this.databases = Array.from({ length: DATABASES }, () => new SimDatabase(kernel, MIGRATIONS));
    this.jobs = Array.from({ length: JOBS }, (_, job) => {
      return new JobProcess(`job-${job}`, (steps) => {
        for (const step of steps) this.counters.note(`consumer died while it ${step}`);
      });
    });
    const queue = new HistoryQueue(
      kernel,
      this.jobs,
      (process) => jobConsumer(this, process),
      hardship,
      this.counters,
    );
    this.bus = options.bus === "kafka" ? new HistoryBus(this, queue) : null;
    this.queue = this.bus ?? queue;
    this.redis = options.hotStore === "redis" ? new HistoryRedis(this) : null;
    this.shards = Array.from({ length: SHARDS }, (_, number) => new SimShard(this, number));
    this.mappings = new Map(CELLS.map((cell) => [cell, new SimMapping(this, cell)]));
    const startMs = kernel.nowMs;
    this.#oldUntilMs = this.shards.map((_shard, number) =>
      options.isOld && MAIN.shards.includes(number)
        ? startMs + Math.floor(kernel.random() * ROLLOUT * options.troubleMs)
        : 0,
    );
    if (options.isOld) this.#leaveFromBefore();
    this.freshIsolates();
  }

  #leaveFromBefore(): void {
    this.database(0).db.sqlite.exec(
      `INSERT INTO shard_mapping (version, shards, created_at) VALUES (1, ${MAIN.shards.length}, 0)`,
    );
    // The other cell is new with this release.
    for (const number of MAIN.shards) this.shard(number).object.storage.plant("shard", number);
  }

  /** Isolates begin anew: they know the seed and nothing else. */
  freshIsolates(): void {
    const call = this.callOf(this.#operator, CALL_TIMEOUT_MS.database);
    const directoriesOf = (cell: SimCell): readonly ShardDirectory[] => {
      const seedShards = seedShardsOf(cell, this.options);
      const askMapping = (): Promise<ShardMapping> =>
        call("ask for the mapping", () => this.mappingOf(cell).current());
      return Array.from({ length: ISOLATES }, () => new ShardDirectory({ seedShards, askMapping }));
    };
    this.#directories = new Map(CELLS.map((cell) => [cell, directoriesOf(cell)]));
  }

  mappingOf(cell: SimCell): SimMapping {
    const mapping = this.mappings.get(cell);
    if (mapping === undefined) throw new RangeError(`there is no cell ${cell.name}`);
    return mapping;
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
    const cell = cellOf(userId);
    const directory = this.options.kernel.pick(this.#directories.get(cell) ?? []);
    return directory.ofUser(userId, async (number, mapping) => {
      const answer = await ask(this.shard(inWorld(cell.shards, number)), mapping);
      if (isElsewhere(answer)) this.counters.note("caller sent to another shard");
      return answer;
    });
  }

  /** Where a user belongs. */
  shardOf(userId: string): SimShard {
    const { shards } = cellOf(userId);
    return this.shard(inWorld(shards, shardOf(userId, { version: 1, shards: shards.length })));
  }

  shard(number: number): SimShard {
    const shard = this.shards[number];
    if (shard === undefined) throw new RangeError(`there is no shard ${number}`);
    return shard;
  }

  hasRead(userId: string): boolean {
    const { status } = this.shardOf(userId);
    return status !== null && status.unreadValues === undefined;
  }

  redeploy(): void {
    for (const { object } of this.shards) this.options.kernel.crash(object.process);
  }

  /** By the map of the release before, which this one goes on with. */
  databaseOf(userId: string): number {
    const { databases } = cellOf(userId);
    if (databases.length === 1) return inWorld(databases, 0);
    return bucketOf(userId) % BUCKETS_BEFORE < BUCKETS_BEFORE / 2 ? 0 : 1;
  }

  database(number: number): SimDatabase {
    const database = this.databases[number];
    if (database === undefined) throw new RangeError(`there is no database ${number}`);
    return database;
  }

  /** The databases of a cell as seen by whoever makes `call`s. */
  databasesFor(call: RemoteCall, cell: SimCell): readonly D1Database[] {
    return cell.databases.map((number) => this.reached(this.database(number), call));
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
    const databases = this.databasesFor(call, cellOf(userId));
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

  /** Until somebody listens nobody is told. */
  onNews: HistoryScene["onNews"] = () => {
    throw new Error("nobody listens");
  };

  /** The account reaches its spending cap as soon as a shard has sent keys. */
  capAtNextSend: (() => void) | null = null;

  sent(): void {
    this.capAtNextSend?.();
  }

  /** The cron: whoever has lost its alarm sets it again. */
  async sweep(): Promise<void> {
    if (this.options.mutation.hasSweep === false) return;
    const call = this.callOf(this.#operator, CALL_TIMEOUT_MS.job);
    await this.bus?.sweep().catch(() => undefined);
    await everyOne(CELLS, ({ shards }) => {
      const shardOf = (number: number): SimShard => this.shard(inWorld(shards, number));
      return wakeAndRaiseFormat({
        shards: shards.length,
        format: LOG_FORMAT,
        wake: (number) => call("wake a shard", () => shardOf(number).wake()),
        raiseFormat: (number, format) => call("raise a format", () => shardOf(number).raiseFormat(format)),
      });
    });
  }

  /** Until when shards, and jobs that ask them, are of the release before, in ms. */
  readonly #oldUntilMs: readonly number[];

  isOldCode(shard: number): boolean {
    return this.options.kernel.nowMs < (this.#oldUntilMs[shard] ?? 0);
  }

  async flush(): Promise<void> {
    await this.#everyShard("flush a shard", (shard) => shard.flush());
  }

  /** Whatever was set aside is tried again. */
  async redrive(): Promise<void> {
    const call = this.callOf(this.#operator, CALL_TIMEOUT_MS.job);
    const stores = CELLS.flatMap((cell) =>
      this.databasesFor(call, cell).map((db, database) =>
        d1Rejected(db, this.options.kernel.now, { cell: cell.name, database }),
      ),
    );
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
