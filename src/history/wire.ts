import { describeCauses } from "../contracts/errors.ts";
import { createLogger, type Logger } from "../platform/logger.ts";
import { oncePerEnv } from "../platform/once-per-env.ts";
import { bucketOf, parseBucketRanges } from "./biz/buckets.ts";
import { eraseUser } from "./biz/erasure.ts";
import { everyShard } from "./biz/every-shard.ts";
import { createHistoryJob } from "./biz/history-job.ts";
import { Shard } from "./biz/shard.ts";
import { ShardDirectory } from "./biz/shard-directory.ts";
import { ENTRIES_PER_USER_MAX, readHistoryConfig } from "./config.ts";
import { d1FailureStore } from "./data/d1-dead-letters.ts";
import { d1Erasure } from "./data/d1-erasure.ts";
import { d1HistoryReader } from "./data/d1-history-reader.ts";
import { d1HistoryWriter } from "./data/d1-history-writer.ts";
import { d1MappingStore } from "./data/d1-mapping-store.ts";
import { queueSender } from "./data/queue-sender.ts";
import { shardStubs } from "./data/shard-stubs.ts";
import { SqliteShardLog } from "./data/sqlite-shard-log.ts";
import { queueConsumer } from "./service/queue-consumer.ts";

/** Sixteen shards may share an isolate of 128 MB, so each stays below some 8 MB. */
const PENDING_RECORDS_MAX = 20_000;
const PENDING_BYTES_MAX = 5_000_000;
const VIEW_BYTES_MAX = 2_000_000;
const LIVE_ROWS_MAX = 8_192;

const now = Date.now;

function databasesOf(env: HistoryEnv): readonly [D1Database, D1Database] {
  return [env.HISTORY_DB_0, env.HISTORY_DB_1];
}

function loggerOf(env: HistoryEnv): Logger {
  return createLogger({ worker: "playhead-history", level: readHistoryConfig(env).LOG_LEVEL });
}

/** Everything an isolate of the history worker runs on, one constructor call each. */
export const wire = oncePerEnv((env: HistoryEnv) => {
  const config = readHistoryConfig(env);
  const logger = loggerOf(env);
  const databases = databasesOf(env);
  const databaseOfBucket = parseBucketRanges(config.HISTORY_BUCKETS, databases.length);
  const callShard = shardStubs(env.SHARD);
  const directory = new ShardDirectory({ store: d1MappingStore(databases[0], now), seedShards: config.HISTORY_SHARDS, now });
  const failures = d1FailureStore(databases, now);
  const runJob = createHistoryJob({
    shards: {
      collect: (shard, keys) => callShard(shard, "collect", (stub) => stub.collect(keys)),
      confirm: (shard, confirmations) => callShard(shard, "confirm", (stub) => stub.confirm(confirmations)),
      refill: (shard, userId) => callShard(shard, "refill", (stub) => stub.refill(userId)),
    },
    writers: databases.map((db) => d1HistoryWriter(db, now)),
    databaseOf: (userId) => databaseOfBucket[bucketOf(userId)] ?? 0,
    entriesPerUserMax: ENTRIES_PER_USER_MAX,
    random: Math.random,
    onFailure: (what, error) => logger.error("history job failed", { what, causes: describeCauses(error) }),
  });
  const erasures = {
    eraseInShard: async (userId: string) => {
      const shard = await directory.shardOf(userId);
      await callShard(shard, "erase in a shard", (stub) => stub.erase(userId));
    },
    eraseInDatabases: databases.map(d1Erasure),
  };
  return {
    directory,
    callShard,
    flushWindowMs: config.FLUSH_WINDOW_MS,
    countFailures: () => failures.counts(),
    erase: (userId: string) => eraseUser(erasures, userId),
    consume: queueConsumer({ runJob, keepDeadLetter: (letter) => failures.keep(letter), logger }),
    /** Wakes every shard: whoever has lost its alarm sets it again. */
    async sweep(): Promise<void> {
      const { shards } = await directory.mapping();
      await everyShard(shards, (shard) => callShard(shard, "wake a shard", (stub) => stub.wake()));
    },
  };
});

/** One shard over the storage of its Durable Object. */
export function wireShard(state: DurableObjectState, env: HistoryEnv, alarmAtMs: number | null): Shard {
  const config = readHistoryConfig(env);
  const databases = databasesOf(env);
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
    queue: queueSender(env.FLUSH_QUEUE),
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
