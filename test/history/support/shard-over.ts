import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import type { HistoryReader, TellComet } from "../../../src/history/biz/ports.ts";
import type { RemoteValues } from "../../../src/history/biz/ports.ts";
import { Shard } from "../../../src/history/biz/shard.ts";
import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import { ShardListeners } from "../../../src/history/data/shard-listeners.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { EMPTY_DATABASE, formatStore, RULES } from "./shard-parts.ts";
import { atOnce } from "./at-once.ts";

interface ShardOverOptions extends Partial<ShardLimits> {
  readonly sql?: SqliteShardSql;
  readonly databases?: number;
  readonly databaseOf?: (userId: string) => number;
  readonly reader?: HistoryReader;
  /** What comets are told goes here; without it they take it all. */
  readonly tellComet?: TellComet;
  /** Whether the queue refuses what it is sent now. */
  readonly queueFails?: () => boolean;
  /** What the platform says to a new alarm, if it refuses it: at once, or a moment later. */
  readonly refusesAlarm?: () => Error | Promise<never> | null;
  /** The format of the log that the object writes to begin with. */
  readonly format?: number;
  /** How late the object's timers go off, as they do behind other work. */
  readonly timersLateMs?: number;
  /** Where values are kept outside of the shard; looked at when it starts. */
  readonly values?: () => RemoteValues | null;
}

/** A shard over real SQLite that can be restarted: memory goes, storage and clock stay. */
export function shardOver(options: ShardOverOptions = {}) {
  const {
    databases = 1,
    databaseOf = () => 0,
    reader = EMPTY_DATABASE,
    tellComet = async () => [],
    format,
    timersLateMs = 0,
    values = () => null,
    queueFails = () => false,
    refusesAlarm = () => null,
    ...limits
  } = options;
  const { sql = new SqliteShardSql() } = options;
  const clock = new VirtualTime();
  const sent: QueueMessage[] = [];
  const alarms: number[] = [];
  const failures: string[] = [];
  const formats = formatStore(format);
  const losses = {
    lostValues: 0,
    countLost(lost: number): void {
      losses.lostValues += lost;
    },
  };
  const start = (): Shard =>
    new Shard({
      shard: 0,
      databases: () => databases,
      databaseOf,
      limits: {
        flushWindowMs: 300_000,
        commitGroup: 20,
        commitWaitMsMax: 0,
        pendingRecordsMax: 1_000,
        pendingBytesMax: 5_000_000,
        readMs: 300,
        viewBytesMax: 1_000_000,
        entriesPerUserMax: 1_000,
        headEntries: 101,
        liveRowsMax: 1_000,
        tombstonesKeptMs: 30 * 86_400_000,
        reportPaceMs: 10_000,
        ...limits,
      },
      formats,
      losses,
      values: values(),
      rules: RULES,
      log: new SqliteShardLog(sql),
      listeners: new ShardListeners(sql),
      tellComet,
      alarmAtMs: null,
      alarm: {
        set: (atMs) => {
          const refusal = refusesAlarm();
          if (refusal instanceof Error) throw refusal;
          if (refusal !== null) return refusal;
          return void alarms.push(atMs);
        },
      },
      queue: {
        send: async (messages) => {
          if (queueFails()) throw new Error("the queue is away");
          sent.push(...messages);
        },
      },
      reader,
      now: clock.now,
      schedule: (delayMs, callback) => clock.after(delayMs + timersLateMs, callback),
      onBackgroundFailure: (what) => void failures.push(what),
    });
  return { clock, sql, sent, alarms, failures, formats, losses, start };
}

/** Others have called lately, and often enough that a commit waits for company. */
export async function keepBusy(shard: Shard, clock: VirtualTime): Promise<void> {
  for (const other of ["xena", "yuri"]) {
    await shard.report(other, beat("film", 1));
    clock.turn(150);
  }
}

export const beat = (itemId: string, positionMs: number) => [
  { kind: "video", itemId, positionMs, event: "playing" as const },
];
export const keyOf = (itemId: string, userId = "ada") => ({ userId, kind: "video", itemId });

/** What a user's list says: positions by item. */
export async function positions(shard: Shard, userId = "ada"): Promise<Record<string, number>> {
  const { items } = await shard.list(userId, { limit: 100 });
  return Object.fromEntries(items.map(({ itemId, positionMs }) => [itemId, positionMs]));
}

/** The number of the row of the log, or of the snapshot, that was written last. */
export function lastSeqOf(sql: SqliteShardSql): number {
  const [row] = sql
    .exec("SELECT max(seq) AS seq FROM (SELECT seq FROM log UNION ALL SELECT seq FROM snapshot)")
    .toArray();
  return Number(row?.["seq"]);
}

/** What the job does with everything that was sent: the database takes it all. */
export function confirmAll(
  shard: Shard,
  keys: readonly { userId: string; kind: string; itemId: string }[],
): void {
  atOnce(
    shard.confirm(
      atOnce(shard.collect(keys, LOG_FORMAT)).map(({ userId, kind, itemId, rev }) => ({
        userId,
        kind,
        itemId,
        rev,
      })),
    ),
  );
}
