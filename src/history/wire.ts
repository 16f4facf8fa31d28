import { waitUntil } from "cloudflare:workers";
import { describeCauses } from "../contracts/errors.ts";
import { ENTRIES_PER_PAGE_MAX } from "../contracts/history.ts";
import { CALL_TIMEOUT_MS } from "../platform/guard/call-timeouts.ts";
import { clearingTimer, requestTimer } from "../platform/guard/call-timer.ts";
import type { Guard } from "../platform/guard/guard.ts";
import { guardedD1 } from "../platform/guard/guarded-d1.ts";
import { tellGoneVars } from "../platform/gone-vars.ts";
import { failureLine } from "../platform/logger.ts";
import { oncePerEnv } from "../platform/once-per-env.ts";
import { currentPatience } from "../platform/call/current-patience.ts";
import { wireWorker } from "../platform/wire-worker.ts";
import { bucketOf, fingerprintOf, parseBucketRanges } from "./biz/buckets.ts";
import { eraseUser } from "./biz/erasure.ts";
import { everyShard } from "./biz/every-shard.ts";
import { createHistoryJob } from "./biz/history-job.ts";
import { MappingCopy } from "./biz/mapping-copy.ts";
import { MappingKeeper } from "./biz/mapping-keeper.ts";
import { Operators } from "./biz/operators.ts";
import { Shard } from "./biz/shard.ts";
import { ShardDoor } from "./biz/shard-door.ts";
import { ShardDirectory } from "./biz/shard-directory.ts";
import { createSweep } from "./biz/sweep.ts";
import { ENTRIES_PER_USER_MAX, GONE_VARS, readHistoryConfig } from "./config.ts";
import { d1Erasure } from "./data/d1-erasure.ts";
import { d1FailureLog, d1FailureSummary } from "./data/d1-failure-log.ts";
import { d1HistoryReader } from "./data/d1-history-reader.ts";
import { d1HistoryWriter } from "./data/d1-history-writer.ts";
import { d1Rejected } from "./data/d1-rejected.ts";
import { oldLetters, oldRejected, oldUnreadable } from "./data/d1-retention.ts";
import { historyDatabases } from "./data/history-databases.ts";
import { mappingInD1 } from "./data/mapping-in-d1.ts";
import { mappingStub } from "./data/mapping-stub.ts";
import { queueSender } from "./data/queue-sender.ts";
import { readStoredMapping, ShardFacts, writeStoredMapping } from "./data/shard-facts.ts";
import { shardStubs } from "./data/shard-stubs.ts";
import { SqliteShardLog } from "./data/sqlite-shard-log.ts";
import { queueConsumer } from "./service/queue-consumer.ts";
import type { WiredShard } from "./service/shard-object.ts";

/** Sixteen shards may share an isolate of 128 MB, so each stays below some 8 MB. */
const PENDING_RECORDS_MAX = 20_000;
const PENDING_BYTES_MAX = 5_000_000;
const VIEW_BYTES_MAX = 2_000_000;
const LIVE_ROWS_MAX = 8_192;
/**
 * Loaded of a user who is not in memory: the largest page, and one more to know whether anything
 * follows.
 */
const HEAD_ENTRIES = ENTRIES_PER_PAGE_MAX + 1;

const MAX_CONCURRENT_OF_SHARD = 512;
/** Sixteen shards' own places of a database, and the job's. */
const MAX_CONCURRENT_QUERIES = 512;
const MAX_CONCURRENT_SENDS = 64;
const MAX_CONCURRENT_OF_MAPPING = 64;
/**
 * What the mapping object waits for D1 when it looks for the mapping: a shard waits for it
 * meanwhile, and somebody for the shard.
 */
const MAPPING_QUERY_MS = 150;

const now = Date.now;

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

/** The guards of an isolate, which its shards and its entrypoints share. */
const guardsOf = oncePerEnv((env: HistoryEnv) => {
  const { makeGuard } = workerOf(env);
  const database = (index: number): Guard =>
    makeGuard(`history-db-${index}`, {
      timeoutMs: CALL_TIMEOUT_MS.database,
      maxConcurrent: MAX_CONCURRENT_QUERIES,
    });
  const shards = new Map<number, Guard>();
  return {
    databases: historyDatabases(env).map((_db, index) => database(index)),
    mapping: makeGuard("history-mapping", {
      timeoutMs: CALL_TIMEOUT_MS.database,
      maxConcurrent: MAX_CONCURRENT_OF_MAPPING,
    }),
    queue: makeGuard("history-queue", {
      timeoutMs: CALL_TIMEOUT_MS.queue,
      maxConcurrent: { reads: 1, writes: MAX_CONCURRENT_SENDS },
    }),
    /** One for each shard: there are at most 4,096. */
    shard(shard: number): Guard {
      let guard = shards.get(shard);
      if (guard === undefined) {
        guard = makeGuard(`history-shard-${shard}`, {
          timeoutMs: CALL_TIMEOUT_MS.shard,
          maxConcurrent: MAX_CONCURRENT_OF_SHARD,
          // Shards are called from requests and jobs, and from the mapping object only until there
          // is a mapping: what is left behind ends with them, and each report would pay for the
          // clearing.
          timer: requestTimer,
        });
        shards.set(shard, guard);
      }
      return guard;
    },
  };
});

/**
 * Whose query it is: a read waits for one query at most and is answered from memory then; an
 * operator waits longer; no caller waits for a job.
 */
const LIMITS = {
  reader: { patience: "one call" },
  operator: { patience: currentPatience, timeoutMs: CALL_TIMEOUT_MS.operatorDatabase },
  mapping: { patience: "one call", timeoutMs: MAPPING_QUERY_MS },
  job: { patience: currentPatience, timeoutMs: CALL_TIMEOUT_MS.job },
} as const;

/** All databases behind their guards. */
function databasesOf(env: HistoryEnv, whose: keyof typeof LIMITS): readonly [D1Database, ...D1Database[]] {
  const { databases } = guardsOf(env);
  const limits = LIMITS[whose];
  const guarded = historyDatabases(env).flatMap((db, index) => {
    const guard = databases[index];
    return guard === undefined ? [] : [guardedD1(db, { guard, ...limits })];
  });
  const [first, ...others] = guarded;
  if (first === undefined) throw new RangeError("no database is bound as HISTORY_DB_0");
  return [first, ...others];
}

/** Which database holds which user: the one place where a user becomes the number of a database. */
const placementOf = oncePerEnv((env: HistoryEnv) => {
  const databases = historyDatabases(env).length;
  const map = parseBucketRanges(readHistoryConfig(env).HISTORY_BUCKETS, databases);
  return {
    databases,
    fingerprint: fingerprintOf(map),
    databaseOf: (userId: string): number => {
      const database = map[bucketOf(userId)];
      if (database === undefined) throw new RangeError("a bucket lies outside of the map");
      return database;
    },
  };
});

/** Jobs make a batch again as a whole, and no call of it. */
const IN_JOB = { kind: "write" } as const;

/**
 * The shards, by who calls them: operators wait for all of them, so that one may take nearly as
 * long as the whole, and for jobs nobody waits.
 */
const shardsOf = oncePerEnv((env: HistoryEnv) => {
  const deps = { namespace: env.SHARD, guardOf: (shard: number) => guardsOf(env).shard(shard) };
  return {
    forUsers: shardStubs(deps),
    forReports: shardStubs({ ...deps, timeoutMs: CALL_TIMEOUT_MS.reportShard }),
    forOperators: shardStubs({ ...deps, timeoutMs: CALL_TIMEOUT_MS.operatorShard }),
    forJobs: shardStubs({ ...deps, timeoutMs: CALL_TIMEOUT_MS.job }),
  };
});

const askMappingOf = oncePerEnv((env: HistoryEnv) =>
  mappingStub(env.MAPPING, guardsOf(env).mapping, placementOf(env).fingerprint),
);

/** Everything an isolate of the history worker runs on, one constructor call each. */
export const wire = oncePerEnv((env: HistoryEnv) => {
  const config = readHistoryConfig(env);
  const { logger } = workerOf(env);
  const databases = databasesOf(env, "job");
  const { databaseOf } = placementOf(env);
  const { forUsers, forReports, forOperators, forJobs } = shardsOf(env);
  const directory = new ShardDirectory({ seedShards: config.HISTORY_SHARDS, askMapping: askMappingOf(env) });
  const onFailure = failureLine(logger, "history job failed");
  const failures = d1FailureLog(databases[0], now);
  const letters = oldLetters(databases[0]);
  const runJob = createHistoryJob({
    shards: {
      collect: (shard, keys) => forJobs(shard, "collect", IN_JOB, (stub) => stub.collect(keys)),
      confirm: (shard, confirmations) =>
        forJobs(shard, "confirm", IN_JOB, (stub) => stub.confirm(confirmations)),
      refill: (shard, userId) => forJobs(shard, "refill", IN_JOB, (stub) => stub.refill(userId)),
    },
    writers: databases.map((db) => d1HistoryWriter(db, now)),
    databaseOf,
    entriesPerUserMax: ENTRIES_PER_USER_MAX,
    random: Math.random,
    onFailure,
    failures,
  });
  const erasures = {
    eraseInShard: async (userId: string) => {
      await directory.ofUser(userId, (shard, mapping) =>
        forJobs(shard, "erase in a shard", IN_JOB, (stub) => stub.erase(userId, mapping)),
      );
    },
    eraseInDatabases: databases.map(d1Erasure),
    pruneOldLetters: () => letters.prune(now()),
  };
  const operatorsDatabases = databasesOf(env, "operator");
  return {
    now,
    directory,
    callShard: forUsers,
    reportToShard: forReports,
    operators: new Operators({
      directory,
      callShard: forOperators,
      flushWindowMs: config.FLUSH_WINDOW_MS,
      readFailures: d1FailureSummary(operatorsDatabases),
      rejected: operatorsDatabases.map((db) => d1Rejected(db, now)),
    }),
    logger,
    erase: (userId: string) => eraseUser(erasures, userId),
    consume: queueConsumer({ runJob, failures, logger }),
    sweep: createSweep({
      wakeShards: async () => {
        const { shards } = await directory.mapping();
        await everyShard(shards, (shard) => forJobs(shard, "wake a shard", IN_JOB, (stub) => stub.wake()));
      },
      retentions: [letters, oldUnreadable(databases[0]), ...databases.map(oldRejected)],
      now,
      onFailure: failureLine(logger, "sweep failed"),
    }),
  };
});

/** One shard over the storage of its Durable Object. */
export function wireShard(state: DurableObjectState, env: HistoryEnv, alarmAtMs: number | null): WiredShard {
  const config = readHistoryConfig(env);
  const { databaseOf, databases, fingerprint } = placementOf(env);
  const readers = databasesOf(env, "reader");
  const { logger } = workerOf(env);
  const { storage } = state;
  const facts = new ShardFacts(storage.kv, state.id.name);
  const { shard: number } = facts;
  const shard = new Shard({
    shard: number,
    alarmAtMs,
    databases,
    databaseOf,
    limits: {
      flushWindowMs: config.FLUSH_WINDOW_MS,
      commitGroup: config.COMMIT_GROUP,
      commitWaitMsMax: config.COMMIT_WAIT_MS_MAX,
      pendingRecordsMax: PENDING_RECORDS_MAX,
      pendingBytesMax: PENDING_BYTES_MAX,
      readMs: CALL_TIMEOUT_MS.database,
      viewBytesMax: VIEW_BYTES_MAX,
      entriesPerUserMax: ENTRIES_PER_USER_MAX,
      headEntries: HEAD_ENTRIES,
      liveRowsMax: LIVE_ROWS_MAX,
    },
    log: new SqliteShardLog({
      exec: (query, ...bindings) => storage.sql.exec(query, ...bindings),
      transaction: (work) => storage.transactionSync(work),
    }),
    alarm: { set: (atMs) => void storage.setAlarm(atMs) },
    queue: queueSender(env.FLUSH_QUEUE, guardsOf(env).queue),
    reader: d1HistoryReader(readers, databaseOf),
    now,
    schedule: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    onBackgroundFailure: failureLine(logger, "shard failed", { shard: number }),
  });
  const mapping = new MappingCopy({ store: facts, buckets: fingerprint, askMapping: askMappingOf(env) });
  return { isFromBefore: facts.isFromBefore, door: new ShardDoor(shard, mapping) };
}

/** The object that keeps the mapping. */
export function wireMapping(state: DurableObjectState, env: HistoryEnv): MappingKeeper {
  const { HISTORY_SHARDS: seedShards } = readHistoryConfig(env);
  const { kv } = state.storage;
  const { forUsers } = shardsOf(env);
  return new MappingKeeper({
    store: { read: () => readStoredMapping(kv), write: (mapping) => writeStoredMapping(kv, mapping) },
    readFromD1: () => mappingInD1(databasesOf(env, "mapping")[0], seedShards, now),
    isOldShard: (shard) =>
      forUsers(shard, "ask a shard for its age", { kind: "read" }, (stub) => stub.isFromBefore()),
    seedShards,
    onBackgroundFailure: (what, error) =>
      workerOf(env).logger.warn("mapping not read", { what, causes: describeCauses(error) }),
  });
}
