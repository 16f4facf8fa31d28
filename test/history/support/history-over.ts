import { createHistoryJob } from "../../../src/history/biz/history-job.ts";
import type { HistoryReader } from "../../../src/history/biz/ports.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { d1HistoryReader } from "../../../src/history/data/d1-history-reader.ts";
import { d1HistoryWriter } from "../../../src/history/data/d1-history-writer.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { shardOver } from "./shard-over.ts";

type Options = Omit<NonNullable<Parameters<typeof shardOver>[0]>, "reader">;

/** A shard over real SQL in both places, and the real job between them. */
export function historyOver(options: Options = {}) {
  const db = sqliteD1(migrationsOf("history"));
  const stored = d1HistoryReader(() => db);
  const away = { isAway: false };
  const unlessAway = <T>(ask: () => Promise<T>): Promise<T> =>
    away.isAway ? Promise.reject(new Error("the database is away")) : ask();
  const reader: HistoryReader = {
    newestOf: (userId, limit) => unlessAway(() => stored.newestOf(userId, limit)),
    find: (userId, items) => unlessAway(() => stored.find(userId, items)),
  };
  const over = shardOver({ ...options, reader });
  const { entriesPerUserMax = 1_000 } = options;
  /** What the shard has sent goes to the job, which does as it was told, but for D1. */
  const runJob = async (shard: Shard): Promise<void> => {
    const failures: string[] = [];
    const messages = over.sent.splice(0);
    await createHistoryJob({
      shards: {
        collect: async (_shard, keys) => shard.collect(keys, 2),
        confirm: async (_shard, confirmations) => shard.confirm(confirmations),
        refill: async (_shard, userId) => shard.refill(userId),
        collectStates: async (_shard, userIds) => shard.collectStates(userIds),
        confirmStates: async (_shard, confirmed) => shard.confirmStates(confirmed),
        settle: async (_shard, userId) => shard.settle(userId),
      },
      writers: [d1HistoryWriter(db, over.clock.now)],
      databaseOf: () => 0,
      entriesPerUserMax,
      tombstonesKeptMs: 30 * 86_400_000,
      now: over.clock.now,
      // Looks at everybody whom it writes.
      random: () => 0,
      onFailure: (what, error) => void failures.push(`${what}: ${String(error)}`),
      failures: { note: async () => undefined },
    })(messages);
    if (failures.length > 0 && !away.isAway) throw new Error(failures.join("; "));
  };
  /** Everything that is pending is written; what has come after a clear, once that is. */
  const writeBack = async (shard: Shard): Promise<void> => {
    const writeSome = async (): Promise<number> => {
      await shard.flushNow();
      await runJob(shard);
      return shard.status().pending;
    };
    const pending = (await writeSome()) && (await writeSome());
    if (pending > 0) throw new Error(`${pending} records are pending still`);
  };
  return { ...over, db, away, runJob, writeBack };
}
