import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import type { HistoryReader } from "../../../src/history/biz/ports.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { SHARD_LIMITS } from "../../../src/history/biz/shard-limits.ts";
import { Shard } from "../../../src/history/biz/shard.ts";
import { parseFinishedAt, watchRules } from "../../../src/history/biz/watch-rules.ts";
import { ENTRIES_PER_USER_MAX, TOMBSTONES_KEPT_MS } from "../../../src/history/config.ts";
import { ShardListeners } from "../../../src/history/data/shard-listeners.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";

/** As production's vars have it. */
const VARS = { flushWindowMs: 300_000, commitGroup: 20, commitWaitMsMax: 250, reportPaceMs: 10_000 } as const;

/**
 * A shard in this process and in real time, with production's limits but for bytes: 20,000 records
 * are more than five megabytes. The database of its users answers at once with {@link ENTRIES}
 * entries of whomever it is asked for, so that what is told is the shard's own time.
 */
export function benchedShard(): Shard {
  const sql = new SqliteShardSql();
  return new Shard({
    shard: 0,
    databases: () => 1,
    databaseOf: () => 0,
    limits: {
      ...SHARD_LIMITS,
      ...VARS,
      pendingBytesMax: 4 * SHARD_LIMITS.pendingBytesMax,
      readMs: 300,
      entriesPerUserMax: ENTRIES_PER_USER_MAX,
      tombstonesKeptMs: TOMBSTONES_KEPT_MS,
    },
    formats: { format: LOG_FORMAT, raiseFormat() {} },
    rules: watchRules({ finishedAt: parseFinishedAt("*=0.95"), startedAtMs: 10_000 }),
    log: new SqliteShardLog(sql),
    listeners: new ShardListeners(sql),
    tellComet: async () => [],
    alarmAtMs: null,
    alarm: { set() {} },
    queue: { send: async () => {} },
    reader: fullReader(),
    now: Date.now,
    schedule: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    onBackgroundFailure: (what, error) => console.error(what, error),
  });
}

export const ENTRIES = ENTRIES_PER_USER_MAX;
const LONG_AGO_MS = 1_700_000_000_000;

function fullReader(): HistoryReader {
  const entries = Array.from({ length: ENTRIES }, (_, index) => ({
    kind: "video",
    itemId: `item-${index}`,
    positionMs: 60_000,
    durationMs: 5_400_000,
    event: "playing" as const,
    deviceId: "living-room-tv",
    atMs: LONG_AGO_MS - index,
    rev: ENTRIES - index,
    rawAtMs: null,
    watched: null,
    dismissed: false,
    deleted: false,
  })) satisfies readonly Omit<HistoryRecord, "userId">[];
  return {
    newestOf: async (userId, limit) => entries.slice(0, limit).map((entry) => ({ ...entry, userId })),
    find: async () => [],
  };
}
