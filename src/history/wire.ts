import { waitUntil } from "cloudflare:workers";
import { MAIN_CELL, type Cell } from "../contracts/cell.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
import { clearingTimer, requestTimer } from "../platform/guard/call-timer.ts";
import { kafkaRest } from "../platform/kafka/kafka-rest.ts";
import { kafkaAccess } from "../platform/kafka/kafka-vars.ts";
import { tellGoneVars } from "../platform/gone-vars.ts";
import { failureFields, failureLine } from "../platform/logger.ts";
import { oncePerEnv } from "../platform/once-per-env.ts";
import { currentPatience } from "../platform/call/current-patience.ts";
import { wireWorker } from "../platform/wire-worker.ts";
import { BusPuller } from "./biz/bus-puller.ts";
import { BusReader } from "./biz/bus-reader.ts";
import { requireCellBindings } from "./biz/cell-bindings.ts";
import { cellJob } from "./biz/cell-job.ts";
import { Cells } from "./biz/cells.ts";
import { DatabaseDirectory } from "./biz/database-directory.ts";
import { eraseUser } from "./biz/erasure.ts";
import { everyOne } from "./biz/every-one.ts";
import { failureLogOfCells } from "./biz/failure-log-of-cells.ts";
import { failuresOfCells } from "./biz/failures-of-cells.ts";
import type { Schedule } from "./biz/group-commit.ts";
import { jobOfCells } from "./biz/job-of-cells.ts";
import { MappingCopy } from "./biz/mapping-copy.ts";
import { MappingKeeper } from "./biz/mapping-keeper.ts";
import { databaseNumber } from "./biz/placement.ts";
import { pullerName } from "./biz/puller-name.ts";
import { Operators } from "./biz/operators.ts";
import { ReportGatherer } from "./biz/report-gatherer.ts";
import { Shard } from "./biz/shard.ts";
import { ShardDoor } from "./biz/shard-door.ts";
import { ShardDirectory } from "./biz/shard-directory.ts";
import { SHARD_LIMITS } from "./biz/shard-limits.ts";
import { createSweep } from "./biz/sweep.ts";
import { watchRules } from "./biz/watch-rules.ts";
import { ENTRIES_PER_USER_MAX, GONE_VARS, readHistoryConfig, TOMBSTONES_KEPT_MS } from "./config.ts";
import { checkHotStore } from "./data/check-hot-store.ts";
import { cellErasure } from "./data/cell-erasure.ts";
import { CellUpstreams } from "./data/cell-upstreams.ts";
import { d1FailureLog, d1FailureSummary } from "./data/d1-failure-log.ts";
import { d1HistoryReader } from "./data/d1-history-reader.ts";
import { d1HistoryWriter } from "./data/d1-history-writer.ts";
import { d1Rejected } from "./data/d1-rejected.ts";
import { oldLetters, oldRejected, oldUnreadable } from "./data/d1-retention.ts";
import { oldTombstones } from "./data/d1-tombstones.ts";
import { flushQueue } from "./data/flush-queue.ts";
import { byNumber, databaseFinder, historyDatabases } from "./data/history-databases.ts";
import { jobShards } from "./data/job-shards.ts";
import { mappingSources } from "./data/mapping-sources.ts";
import { pullerPartition, pullerPlaceStore } from "./data/puller-place.ts";
import { RedisValues } from "./data/redis-values.ts";
import { readStoredMapping, ShardFacts, writeStoredMapping } from "./data/shard-facts.ts";
import { ShardListeners } from "./data/shard-listeners.ts";
import type { ShardSql } from "./data/shard-sql.ts";
import { SqliteShardLog } from "./data/sqlite-shard-log.ts";
import { queueConsumer } from "./service/queue-consumer.ts";
import type { WiredShard } from "./service/shard-object.ts";

const now = Date.now;
const schedule: Schedule = (delayMs, callback) => {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
};

/** What a call of a cell's upstream may take, and how many there may be at once. */
const UPSTREAMS = {
  // Sixteen shards' own places of a database, and the job's.
  database: { timeoutMs: CALL_TIMEOUT_MS.database, maxConcurrent: 512 },
  mapping: { timeoutMs: CALL_TIMEOUT_MS.database, maxConcurrent: 64 },
  // One call of a shard at a time, sixteen shards in an isolate.
  comet: { timeoutMs: CALL_TIMEOUT_MS.comet, maxConcurrent: 64, failsApart: true },
  queue: { timeoutMs: CALL_TIMEOUT_MS.queue, maxConcurrent: { reads: 1, writes: 64 } },
  kafka: { timeoutMs: CALL_TIMEOUT_MS.queue, maxConcurrent: 64 },
  puller: { timeoutMs: CALL_TIMEOUT_MS.puller, maxConcurrent: 64 },
  // Sixteen shards' commits, and what their jobs collect.
  redis: { timeoutMs: CALL_TIMEOUT_MS.cache, maxConcurrent: 512 },
  // Shards are called from requests, and from the mapping object only until there is a mapping:
  // what is left behind ends with them, and each report would pay for the clearing.
  shard: { timeoutMs: CALL_TIMEOUT_MS.shard, maxConcurrent: 512, timer: requestTimer },
} as const;

/**
 * Whose query of a database it is: a read waits for one query at most and is answered from memory
 * then; an operator waits longer; no caller waits for a job. For the mapping object, when it looks
 * for the mapping, a shard waits, and somebody for the shard.
 */
const QUERIES = {
  reader: { patience: "one call" },
  operator: { patience: currentPatience, timeoutMs: CALL_TIMEOUT_MS.operatorDatabase },
  mapping: { patience: "one call", timeoutMs: 150 },
  job: { patience: currentPatience, timeoutMs: CALL_TIMEOUT_MS.job },
} as const;

/**
 * What a call of a shard may take, by whose it is: operators wait for all shards, so that one may
 * take nearly as long as the whole, and for jobs nobody waits.
 */
const SHARD_CALLS = {
  user: {},
  report: { timeoutMs: CALL_TIMEOUT_MS.reportShard },
  operator: { timeoutMs: CALL_TIMEOUT_MS.operatorShard },
  // A puller, which is an object, does jobs too: a timer of 15 s would keep it awake and billed.
  job: { timeoutMs: CALL_TIMEOUT_MS.job, timer: clearingTimer },
} as const;

/** What the worker is built on. What is left behind after a call would keep an object awake. */
const workerOf = oncePerEnv((env: HistoryEnv) => {
  const worker = wireWorker({
    name: "playhead-history",
    config: readHistoryConfig(env),
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: clearingTimer,
    background: waitUntil,
  });
  tellGoneVars(env, GONE_VARS, worker.logger);
  return worker;
});

/** Values in Redis; null where there is no endpoint. */
const redisOf = oncePerEnv((env: HistoryEnv) => {
  const { HOT_STORE, UPSTASH_REDIS_REST_URL: endpoints } = readHistoryConfig(env);
  if (endpoints.length === 0) return { values: null };
  const { logger, makeGuard } = workerOf(env);
  const values = new RedisValues({
    endpoints: endpoints.map((endpoint) => ({
      ...endpoint,
      guard: makeGuard(`history-redis-${endpoint.name}`, UPSTREAMS.redis),
    })),
    takesNew: HOT_STORE === "redis",
    timeoutMs: UPSTREAMS.redis.timeoutMs,
    random: Math.random,
    onUnreadable: (error) => logger.error("value not readable", failureFields(error)),
  });
  return { values };
});

/** The cells of the platform, each with what it reaches. */
const cellsOf = oncePerEnv((env: HistoryEnv) => {
  const config = readHistoryConfig(env);
  const { CELLS, HISTORY_BUCKETS = null } = config;
  requireCellBindings(CELLS, Object.keys(env));
  const { logger, makeGuard } = workerOf(env);
  const access = config.HISTORY_BUS === "kafka" ? kafkaAccess(config) : null;
  const kafka =
    access === null
      ? null
      : { rest: kafkaRest(access), pullers: env.PULLER, onFailure: failureLine(logger, "bus failed") };
  const upstreamsOf = (cell: Cell): CellUpstreams =>
    new CellUpstreams({
      cell,
      makeGuard,
      limits: UPSTREAMS,
      databases: historyDatabases(env, cell.name),
      queue: flushQueue(env, cell.name),
      kafka,
      shards: env.SHARD,
      mapping: env.MAPPING,
      comets: env.COMET,
      // The release before knew no cell but `main`.
      before: cell.name === MAIN_CELL ? HISTORY_BUCKETS : null,
    });
  return new Cells({
    parts: new Map(CELLS.map((cell) => [cell.name, upstreamsOf(cell)])),
    onUnknown: (cell) => logger.warn("cell not served", { cell }),
  });
});

/** A cell as the entrypoints, the job and the cron have it. */
function wireCell(env: HistoryEnv, cell: CellUpstreams) {
  const { HISTORY_SHARDS: seedShards } = readHistoryConfig(env);
  const { name, askMapping, before } = cell;
  const directory = new ShardDirectory({ seedShards, askMapping });
  const reportToShard = cell.shards(SHARD_CALLS.report);
  const shards = jobShards({ directory, callShard: cell.shards(SHARD_CALLS.job) });
  const places = new DatabaseDirectory({ askMapping, askShard: shards.mapping, before });
  const databases = cell.databases(QUERIES.job);
  const [{ db: first }] = databases;
  const [ofOperators, ...others] = cell.databases(QUERIES.operator);
  const failures = d1FailureLog(first, now);
  const letters = oldLetters(first);
  const tombstones = { keptMs: TOMBSTONES_KEPT_MS, settle: shards.settleUsers };
  return {
    name,
    directory,
    callShard: cell.shards(SHARD_CALLS.user),
    reportToShard,
    reports: new ReportGatherer({ callShard: reportToShard, now, schedule, keep: waitUntil }),
    operators: { name, directory, callShard: cell.shards(SHARD_CALLS.operator) },
    readFailures: d1FailureSummary([ofOperators.db, ...others.map(({ db }) => db)]),
    rejected: [ofOperators, ...others].map((database) =>
      d1Rejected(database.db, now, { cell: name, database: databaseNumber(database.name) }),
    ),
    failures,
    runJob: cellJob({
      shards,
      places,
      writers: byNumber(databases, (db) => d1HistoryWriter(db, now)),
      entriesPerUserMax: ENTRIES_PER_USER_MAX,
      tombstonesKeptMs: TOMBSTONES_KEPT_MS,
      now,
      random: Math.random,
      onFailure: failureLine(workerOf(env).logger, "history job failed"),
      failures,
    }),
    erasures: {
      eraseInShard: shards.erase,
      eraseInDatabases: cellErasure(databases, name, places),
      pruneOldLetters: () => letters.prune(now()),
    },
    wakeShards: shards.wakeAll,
    retentions: [
      letters,
      oldUnreadable(first),
      ...databases.flatMap(({ db }) => [oldRejected(db), oldTombstones(db, tombstones)]),
    ],
  };
}

/** Everything an isolate of the history worker runs on, one constructor call each. */
export const wire = oncePerEnv((env: HistoryEnv) => {
  const config = readHistoryConfig(env);
  const { logger } = workerOf(env);
  const known = cellsOf(env);
  const cells = known.with((cell) => wireCell(env, cell));
  const buses = known.all.flatMap(({ bus }) => bus ?? []);
  return {
    now,
    cells,
    logger,
    operators: new Operators({
      cells: cells.with(({ operators }) => operators),
      flushWindowMs: config.FLUSH_WINDOW_MS,
      readFailures: failuresOfCells(cells.all.map(({ readFailures }) => readFailures)),
      readBus:
        buses.length === 0
          ? null
          : async () => (await Promise.all(buses.map((bus) => bus.statuses()))).flat(),
      rejected: cells.all.flatMap(({ rejected }) => rejected),
    }),
    upstreams: known.all.flatMap(({ shared }) => shared),
    erase: async (userId: string, cell: string | undefined) => eraseUser(cells.of(cell).erasures, userId),
    consume: queueConsumer({
      runJob: jobOfCells({
        jobOf: (cell) => cells.of(cell).runJob,
        onFailure: failureLine(logger, "history job failed"),
      }),
      failures: failureLogOfCells(cells.with(({ failures }) => failures)),
      logger,
    }),
    sweep: createSweep({
      wakeShards: () => everyOne(cells.all, ({ wakeShards }) => wakeShards()),
      wakePullers: buses.length === 0 ? null : () => everyOne(buses, (bus) => bus.wakeAll()),
      retentions: cells.all.flatMap(({ retentions }) => retentions),
      checkHotStore: () => checkHotStore(redisOf(env).values, logger),
      now,
      onFailure: failureLine(logger, "sweep failed"),
    }),
  };
});

/** One shard over the storage of its Durable Object. */
export function wireShard(state: DurableObjectState, env: HistoryEnv, alarmAtMs: number | null): WiredShard {
  const config = readHistoryConfig(env);
  const { logger } = workerOf(env);
  const { storage } = state;
  const sql: ShardSql = {
    exec: (query, ...bindings) => storage.sql.exec(query, ...bindings),
    transaction: (work) => storage.transactionSync(work),
  };
  const facts = new ShardFacts(storage.kv, state.id.name);
  const { shard: number } = facts;
  const cell = cellsOf(env).of(facts.cell);
  const mapping = new MappingCopy({
    store: facts,
    before: cell.before,
    askMapping: cell.askMapping,
    onLearned: () => shard.rehome(),
  });
  const { databases, databaseOf } = mapping;
  const shard = new Shard({
    shard: number,
    alarmAtMs,
    databases,
    databaseOf,
    limits: {
      flushWindowMs: config.FLUSH_WINDOW_MS,
      commitGroup: config.COMMIT_GROUP,
      commitWaitMsMax: config.COMMIT_WAIT_MS_MAX,
      readMs: CALL_TIMEOUT_MS.database,
      entriesPerUserMax: ENTRIES_PER_USER_MAX,
      tombstonesKeptMs: TOMBSTONES_KEPT_MS,
      reportPaceMs: config.REPORT_PACE_MS,
      ...SHARD_LIMITS,
    },
    rules: watchRules({ finishedAt: config.FINISHED_AT, startedAtMs: config.STARTED_AT_MS }),
    formats: facts,
    losses: facts,
    values: redisOf(env).values,
    log: new SqliteShardLog(sql),
    listeners: new ShardListeners(sql),
    tellComet: cell.tellComet,
    alarm: { set: (atMs) => storage.setAlarm(atMs) },
    queue: cell.queue,
    reader: d1HistoryReader(databaseFinder(cell.databases(QUERIES.reader), cell.name, databaseOf)),
    now,
    schedule,
    onBackgroundFailure: failureLine(logger, "shard failed", { cell: cell.name, shard: number }),
  });
  return { isFromBefore: facts.isFromBefore, door: new ShardDoor(shard, mapping) };
}

/** The object that keeps the mapping of the cell it is named after. */
export function wireMapping(state: DurableObjectState, env: HistoryEnv): MappingKeeper {
  const { HISTORY_SHARDS: seedShards } = readHistoryConfig(env);
  const { kv } = state.storage;
  if (state.id.name === undefined) throw new Error("a mapping object must be reached by its name");
  const cell = cellsOf(env).of(state.id.name);
  const callShard = cell.shards(SHARD_CALLS.user);
  return new MappingKeeper({
    ...mappingSources({ databases: cell.databases(QUERIES.mapping), seedShards, now }),
    store: {
      read: () => readStoredMapping(kv, cell.name),
      write: (mapping) => writeStoredMapping(kv, mapping),
    },
    isOldShard: (shard) =>
      callShard(shard, "ask a shard for its age", { kind: "read" }, (stub) => stub.isFromBefore()),
    seedShards,
    before: cell.before,
    onBackgroundFailure: (what, error) =>
      workerOf(env).logger.warn("mapping not read", { cell: cell.name, what, ...failureFields(error) }),
  });
}

/** The object that reads a partition of the bus, and has the job do what it finds. */
export function wirePuller(state: DurableObjectState, env: HistoryEnv): BusPuller {
  const { storage } = state;
  const { cell, partition } = pullerPartition(storage.kv, state.id.name);
  const name = pullerName({ cell, partition });
  const onFailure = failureLine(workerOf(env).logger, "bus failed", { puller: name });
  const { bus } = cellsOf(env).of(cell);
  const reader =
    bus === null
      ? null
      : new BusReader({
          name,
          partition: bus.partition(partition),
          store: pullerPlaceStore(storage.kv, () => storage.sync()),
          // As the queue and its dead letters are named, by which the consumer tells them apart.
          handOver: (messages, isDead) => wire(env).consume({ queue: isDead ? "bus-dead" : "bus", messages }),
          now,
          onFailure,
        });
  return new BusPuller({
    ...(cell !== MAIN_CELL && { cell }),
    partition,
    reader,
    alarm: { at: () => storage.getAlarm(), set: (atMs) => storage.setAlarm(atMs) },
    now,
    onBackgroundFailure: onFailure,
  });
}
