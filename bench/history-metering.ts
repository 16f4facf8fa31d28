import { createHistoryJob } from "../src/history/biz/history-job.ts";
import type { HistoryWriter } from "../src/history/biz/ports.ts";
import { Shard } from "../src/history/biz/shard.ts";
import { d1HistoryReader } from "../src/history/data/d1-history-reader.ts";
import { d1HistoryWriter } from "../src/history/data/d1-history-writer.ts";
import { SqliteShardLog } from "../src/history/data/sqlite-shard-log.ts";
import { mulberry32 } from "../testbed/mulberry32.ts";
import { recordedShardSql, type RowMeter } from "./support/row-meter.ts";
import { VirtualTime } from "../testbed/virtual-time.ts";

/** What a rate of reports on one shard costs, in operations a report. */
export interface Metering {
  readonly reportsPerSecond: number;
  readonly shardRowsPerReport: number;
  readonly shardRowsReadPerReport: number;
  readonly d1RowsPerReport: number;
  readonly d1RowsReadPerReport: number;
  /**
   * Rows of D1 read when a user with {@link COLD_ENTRIES} entries, of whom the shard knows nothing,
   * opens their history.
   */
  readonly d1RowsReadPerColdUser: number;
  readonly queueOperationsPerReport: number;
  readonly shardCallsPerReport: number;
  /** From a report's arrival at its shard to its answer, in ms: the wait for its commit. */
  readonly acknowledgedP50Ms: number;
  readonly acknowledgedP99Ms: number;
  /** From a record's first unflushed report to D1 holding it, beyond the window, in ms. */
  readonly flushLagP99Ms: number;
}

const HEARTBEAT_MS = 10_000;
const WINDOW_MS = 300_000;
const COMMIT_GROUP = 20;
const COMMIT_WAIT_MS_MAX = 250;
const MINUTES = 20;
/** From the send to the job: the queue's batch timeout. */
const QUEUE_DELAY_MS = 1_000;
/** A queue bills a write, a read and a delete for each message. */
const OPERATIONS_PER_MESSAGE = 3;
const DRAIN_MS = 60_000;
/** Steps that a commit's answer takes until it is heard, and some more: no time passes in them. */
const TICKS = 16;
const START_MS = 1_700_000_000_000;
export const COLD_ENTRIES = 1_000;

/**
 * Runs the real shard and the real job, over real SQLite with the real statements, in virtual time:
 * twenty minutes of players that send a heartbeat every ten seconds. Rows are what the runtime says
 * it would bill; setting an alarm is one more.
 */
export async function meterHistory(reportsPerSecond: number, meter: RowMeter): Promise<Metering> {
  const time = new VirtualTime(START_MS);
  const shardSql = recordedShardSql();
  const { metered: database, billed: d1Billed } = await meter.database();
  const counts = { reports: 0, messages: 0, jobCalls: 0, alarmsSet: 0 };
  const lags: number[] = [];
  const waits: number[] = [];
  const firstAtMs = new Map<string, number>();
  const writer = d1HistoryWriter(database, time.now);
  const shard: Shard = new Shard({
    shard: 0,
    databases: 1,
    databaseOf: () => 0,
    limits: {
      flushWindowMs: WINDOW_MS,
      commitGroup: COMMIT_GROUP,
      commitWaitMsMax: COMMIT_WAIT_MS_MAX,
      pendingRecordsMax: 20_000,
      pendingBytesMax: 5_000_000,
      readMs: 300,
      viewBytesMax: 2_000_000,
      entriesPerUserMax: 1_000,
      headEntries: 101,
      liveRowsMax: 8_192,
    },
    log: new SqliteShardLog(shardSql.sql),
    alarmAtMs: null,
    alarm: {
      set: (atMs) => {
        counts.alarmsSet += 1;
        time.at(atMs, () => shard.onAlarm());
      },
    },
    queue: {
      send: async (messages) => {
        counts.messages += messages.length;
        time.after(QUEUE_DELAY_MS, async () => void (await runJob(messages)));
      },
    },
    reader: d1HistoryReader([database], () => 0),
    now: time.now,
    schedule: (delayMs, callback) =>
      time.after(delayMs, () => {
        callback();
        return allHeard();
      }),
    onBackgroundFailure: (what, error) => {
      throw new Error(what, { cause: error });
    },
  });
  const runJob = createHistoryJob({
    shards: {
      collect: async (_shard, keys) => {
        counts.jobCalls += 1;
        return shard.collect(keys);
      },
      confirm: async (_shard, confirmations) => {
        counts.jobCalls += 1;
        shard.confirm(confirmations);
        for (const { userId } of confirmations) {
          const since = firstAtMs.get(userId);
          if (since !== undefined) lags.push(time.now() - since - WINDOW_MS);
          firstAtMs.delete(userId);
        }
      },
      refill: async () => undefined,
    },
    writers: [writer],
    databaseOf: () => 0,
    entriesPerUserMax: 1_000,
    random: mulberry32(reportsPerSecond),
    onFailure: (what, error) => {
      throw new Error(what, { cause: error });
    },
    failures: {
      note: async (failures) =>
        Promise.reject(new Error("the job has failures to count", { cause: failures })),
    },
  });

  const users = (reportsPerSecond * HEARTBEAT_MS) / 1_000;
  const endMs = START_MS + MINUTES * 60_000;
  for (let user = 0; user < users; user += 1) {
    // Each rate has users of its own: they share the database.
    const userId = `018f${String(reportsPerSecond).padStart(4, "0")}-0000-7000-8000-${String(user).padStart(12, "0")}`;
    const beat = (): Promise<void> => {
      const atMs = time.now();
      counts.reports += 1;
      if (!firstAtMs.has(userId)) firstAtMs.set(userId, time.now());
      const answered = shard.report(userId, [
        { kind: "video", itemId: "movie-1", positionMs: atMs - START_MS, event: "playing" },
      ]);
      void answered.then(() => waits.push(time.now() - atMs));
      if (atMs + HEARTBEAT_MS < endMs) time.after(HEARTBEAT_MS, beat);
      return allHeard();
    };
    time.at(START_MS + (user * HEARTBEAT_MS) / users, beat);
  }
  // Beyond the last heartbeat everything must reach D1, or the last window's rows would be missing
  // from the count.
  await time.runUntil(endMs + WINDOW_MS + DRAIN_MS);

  const d1Rows = d1Billed();
  const shardRows = await meter.ofObject(`shard-at-${reportsPerSecond}`, shardSql);

  lags.sort((a, b) => a - b);
  waits.sort((a, b) => a - b);
  return {
    reportsPerSecond,
    shardRowsPerReport: (shardRows.rowsWritten + counts.alarmsSet) / counts.reports,
    shardRowsReadPerReport: shardRows.rowsRead / counts.reports,
    d1RowsPerReport: d1Rows.rowsWritten / counts.reports,
    d1RowsReadPerReport: d1Rows.rowsRead / counts.reports,
    d1RowsReadPerColdUser: await rowsOfColdUser(shard, writer, () => d1Billed().rowsRead),
    queueOperationsPerReport: (counts.messages * OPERATIONS_PER_MESSAGE) / counts.reports,
    shardCallsPerReport: 1 + counts.jobCalls / counts.reports,
    acknowledgedP50Ms: waits[Math.floor(waits.length * 0.5)] ?? 0,
    acknowledgedP99Ms: waits[Math.floor(waits.length * 0.99)] ?? 0,
    flushLagP99Ms: lags[Math.floor(lags.length * 0.99)] ?? 0,
  };
}

/** Whoever waits for what has just been committed hears of it before time goes on. */
async function allHeard(): Promise<void> {
  for (let tick = 0; tick < TICKS; tick += 1) await Promise.resolve();
}

async function rowsOfColdUser(shard: Shard, writer: HistoryWriter, rowsRead: () => number): Promise<number> {
  const entry = {
    userId: "cold",
    kind: "video",
    positionMs: 1,
    durationMs: null,
    event: "playing",
    deviceId: null,
  } as const;
  const entries = Array.from({ length: COLD_ENTRIES }, (_, index) => ({
    ...entry,
    itemId: `item-${index}`,
    atMs: index,
    rev: index + 1,
  }));
  await writer.upsert(entries);
  const before = rowsRead();
  const { items } = await shard.list(entry.userId, { limit: 20 });
  if (items.length !== 20) throw new Error(`a cold user found ${items.length} entries`);
  return rowsRead() - before;
}
