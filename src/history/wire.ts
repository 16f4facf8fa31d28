import { waitUntil } from "cloudflare:workers";
import { describeCauses } from "../contracts/errors.ts";
import { CALL_QUOTA_MS } from "../platform/call-quotas.ts";
import { clearingTimer } from "../platform/call-timer.ts";
import type { Guard } from "../platform/guard.ts";
import { guardedD1 } from "../platform/guarded-d1.ts";
import { createLogger, type Logger } from "../platform/logger.ts";
import { oncePerEnv } from "../platform/once-per-env.ts";
import { currentDeadlineAtMs } from "../platform/request-scope.ts";
import { wireGuards } from "../platform/wire-guards.ts";
import { bucketOf, parseBucketRanges } from "./biz/buckets.ts";
import { eraseUser } from "./biz/erasure.ts";
import { everyShard } from "./biz/every-shard.ts";
import { createHistoryJob } from "./biz/history-job.ts";
import { pruneOld } from "./biz/retention.ts";
import { Shard } from "./biz/shard.ts";
import { ShardDirectory } from "./biz/shard-directory.ts";
import { ENTRIES_PER_USER_MAX, readHistoryConfig } from "./config.ts";
import { isRefusedByData } from "./data/d1-errors.ts";
import { d1Erasure } from "./data/d1-erasure.ts";
import { d1FailureLog, d1FailureSummary } from "./data/d1-failure-log.ts";
import { d1HistoryReader } from "./data/d1-history-reader.ts";
import { d1HistoryWriter } from "./data/d1-history-writer.ts";
import { d1MappingStore } from "./data/d1-mapping-store.ts";
import { d1Rejected } from "./data/d1-rejected.ts";
import { oldLetters, oldRejected, oldUnreadable } from "./data/d1-retention.ts";
import { queueSender } from "./data/queue-sender.ts";
import { shardStubs } from "./data/shard-stubs.ts";
import { SqliteShardLog } from "./data/sqlite-shard-log.ts";
import { queueConsumer } from "./service/queue-consumer.ts";

/** Sixteen shards may share an isolate of 128 MB, so each stays below some 8 MB. */
const PENDING_RECORDS_MAX = 20_000;
const PENDING_BYTES_MAX = 5_000_000;
const VIEW_BYTES_MAX = 2_000_000;
const LIVE_ROWS_MAX = 8_192;

const SHARD_PLACES = 512;
const DATABASE_PLACES = 64;
const QUEUE_PLACES = 64;

const now = Date.now;

function loggerOf(env: HistoryEnv): Logger {
  return createLogger({ worker: "playhead-history", level: readHistoryConfig(env).LOG_LEVEL });
}

/** The guards of an isolate, which its shards and its entrypoints share. */
const guardsOf = oncePerEnv((env: HistoryEnv) => {
  const makeGuard = wireGuards({
    config: readHistoryConfig(env),
    breakerState: env.BREAKER_STATE,
    faultBoard: env.FAULT_BOARD,
    timer: clearingTimer,
    background: waitUntil,
    logger: loggerOf(env),
  });
  const database = (index: number): Guard =>
    makeGuard(`history-db-${index}`, { quotaMs: CALL_QUOTA_MS.database, readsMax: DATABASE_PLACES, writesMax: DATABASE_PLACES });
  const shards = new Map<number, Guard>();
  return {
    databases: [database(0), database(1)] as const,
    queue: makeGuard("history-queue", { quotaMs: CALL_QUOTA_MS.queue, readsMax: 1, writesMax: QUEUE_PLACES }),
    /** One for each shard: there are at most 4,096. */
    shard(shard: number): Guard {
      let guard = shards.get(shard);
      if (guard === undefined) {
        guard = makeGuard(`history-shard-${shard}`, { quotaMs: CALL_QUOTA_MS.rpc, readsMax: SHARD_PLACES, writesMax: SHARD_PLACES });
        shards.set(shard, guard);
      }
      return guard;
    },
  };
});

/** How long who asks a database waits. */
const PATIENCE = {
  /** A reader's whole patience is one query's: what is in memory is answered then. */
  reader: { deadlineAtMs: () => now() + CALL_QUOTA_MS.database },
  /** Operators look at everything, in their request's time. */
  operator: { deadlineAtMs: currentDeadlineAtMs, quotaMs: CALL_QUOTA_MS.operatorRpc },
  /** Nobody waits. */
  job: { deadlineAtMs: () => Number.POSITIVE_INFINITY, quotaMs: CALL_QUOTA_MS.job },
} as const;

/** Both databases behind their guards. */
function databasesOf(env: HistoryEnv, patience: keyof typeof PATIENCE): readonly [D1Database, D1Database] {
  const [guard0, guard1] = guardsOf(env).databases;
  const limits = { ...PATIENCE[patience], isDataFault: isRefusedByData };
  return [guardedD1(env.HISTORY_DB_0, { guard: guard0, ...limits }), guardedD1(env.HISTORY_DB_1, { guard: guard1, ...limits })];
}

/** Everything an isolate of the history worker runs on, one constructor call each. */
export const wire = oncePerEnv((env: HistoryEnv) => {
  const config = readHistoryConfig(env);
  const logger = loggerOf(env);
  const databases = databasesOf(env, "job");
  const databaseOfBucket = parseBucketRanges(config.HISTORY_BUCKETS, databases.length);
  const callShard = shardStubs({ namespace: env.SHARD, guardOf: (shard) => guardsOf(env).shard(shard) });
  /** For jobs: nobody waits, and a batch is made again as a whole. */
  const inJob = { kind: "write", deadlineAtMs: Number.POSITIVE_INFINITY, quotaMs: CALL_QUOTA_MS.job } as const;
  const store = d1MappingStore(databasesOf(env, "reader")[0], now);
  const directory = new ShardDirectory({ store, seedShards: config.HISTORY_SHARDS, now });
  const onFailure = (what: string, error: unknown): void => logger.error("history job failed", { what, causes: describeCauses(error) });
  const failures = d1FailureLog(databases[0], now);
  const letters = oldLetters(databases[0]);
  const runJob = createHistoryJob({
    shards: {
      collect: (shard, keys) => callShard(shard, "collect", inJob, (stub) => stub.collect(keys)),
      confirm: (shard, confirmations) => callShard(shard, "confirm", inJob, (stub) => stub.confirm(confirmations)),
      refill: (shard, userId) => callShard(shard, "refill", inJob, (stub) => stub.refill(userId)),
    },
    writers: databases.map((db) => d1HistoryWriter(db, now)),
    databaseOf: (userId) => databaseOfBucket[bucketOf(userId)] ?? 0,
    entriesPerUserMax: ENTRIES_PER_USER_MAX,
    random: Math.random,
    onFailure,
    failures,
  });
  const erasures = {
    eraseInShard: async (userId: string) => {
      const shard = await directory.shardOf(userId);
      await callShard(shard, "erase in a shard", inJob, (stub) => stub.erase(userId));
    },
    eraseInDatabases: databases.map(d1Erasure),
    pruneOldLetters: () => letters.prune(now()),
  };
  const retentions = [letters, oldUnreadable(databases[0]), ...databases.map(oldRejected)];
  const forOperators = databasesOf(env, "operator");
  return {
    directory,
    callShard,
    flushWindowMs: config.FLUSH_WINDOW_MS,
    readFailures: d1FailureSummary(forOperators),
    rejected: forOperators.map((db) => d1Rejected(db, now)),
    logger,
    erase: (userId: string) => eraseUser(erasures, userId),
    consume: queueConsumer({ runJob, failures, logger }),
    /** Wakes every shard: whoever has lost its alarm sets it again. Then deletes what is old, also where a shard does not answer. */
    async sweep(): Promise<void> {
      try {
        const { shards } = await directory.mapping();
        await everyShard(shards, (shard) => callShard(shard, "wake a shard", inJob, (stub) => stub.wake()));
      } finally {
        await pruneOld({ retentions, now, onFailure });
      }
    },
  };
});

/** One shard over the storage of its Durable Object. */
export function wireShard(state: DurableObjectState, env: HistoryEnv, alarmAtMs: number | null): Shard {
  const config = readHistoryConfig(env);
  const databases = databasesOf(env, "reader");
  const databaseOfBucket = parseBucketRanges(config.HISTORY_BUCKETS, databases.length);
  const logger = loggerOf(env);
  const shard = shardNumber(state);
  return new Shard({
    shard,
    alarmAtMs,
    limits: {
      flushWindowMs: config.FLUSH_WINDOW_MS,
      commitSpacingMs: config.COMMIT_SPACING_MS,
      pendingRecordsMax: PENDING_RECORDS_MAX,
      pendingBytesMax: PENDING_BYTES_MAX,
      viewBytesMax: VIEW_BYTES_MAX,
      entriesPerUserMax: ENTRIES_PER_USER_MAX,
      liveRowsMax: LIVE_ROWS_MAX,
    },
    log: new SqliteShardLog(state.storage.sql),
    alarm: { set: (atMs) => void state.storage.setAlarm(atMs) },
    queue: queueSender(env.FLUSH_QUEUE, guardsOf(env).queue),
    reader: d1HistoryReader((userId) => databases[databaseOfBucket[bucketOf(userId)] === 1 ? 1 : 0]),
    now,
    schedule: (delayMs, callback) => void setTimeout(callback, delayMs),
    onBackgroundFailure: (what, error) => logger.error("shard failed", { shard, what, causes: describeCauses(error) }),
  });
}

/** The number in the object's name. An alarm may wake an object without telling its name, so it is kept in storage. */
function shardNumber(state: DurableObjectState): number {
  const stored = state.storage.kv.get<number>("shard");
  if (stored !== undefined) return stored;
  const number = Number(/^shard-(\d+)$/.exec(state.id.name ?? "")?.[1]);
  if (!Number.isInteger(number)) throw new Error("a history shard must be reached by its name");
  state.storage.kv.put("shard", number);
  return number;
}
