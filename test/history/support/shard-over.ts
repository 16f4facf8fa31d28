import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import type { HistoryReader } from "../../../src/history/biz/ports.ts";
import { Shard, type ShardLimits } from "../../../src/history/biz/shard.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

interface ShardOverOptions extends Partial<ShardLimits> {
  readonly sql?: SqliteShardSql;
  readonly databases?: number;
  readonly databaseOf?: (userId: string) => number;
  readonly reader?: HistoryReader;
  /** Whether the queue refuses what it is sent now. */
  readonly queueFails?: () => boolean;
  /** How late the object's timers go off, as they do behind other work. */
  readonly timersLateMs?: number;
}

/** A shard over real SQLite that can be restarted: memory goes, storage and clock stay. */
export function shardOver(options: ShardOverOptions = {}) {
  const {
    databases = 1,
    databaseOf = () => 0,
    reader = { newestOf: async () => [] },
    timersLateMs = 0,
    queueFails = () => false,
    ...limits
  } = options;
  const { sql = new SqliteShardSql() } = options;
  const clock = new VirtualTime();
  const sent: QueueMessage[] = [];
  const alarms: number[] = [];
  const failures: string[] = [];
  const start = (): Shard =>
    new Shard({
      shard: 0,
      databases,
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
        ...limits,
      },
      log: new SqliteShardLog(sql),
      alarmAtMs: null,
      alarm: { set: (atMs) => void alarms.push(atMs) },
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
  return { clock, sql, sent, alarms, failures, start };
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

/** What the job does with everything that was sent: the database takes it all. */
export function confirmAll(
  shard: Shard,
  keys: readonly { userId: string; kind: string; itemId: string }[],
): void {
  shard.confirm(shard.collect(keys).map(({ userId, kind, itemId, rev }) => ({ userId, kind, itemId, rev })));
}
