import { spreadEvenly } from "../../../src/history/biz/bucket-map.ts";
import { HistoryShard, Playback } from "../../../src/history/worker.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";
import { historyBindings, hungService, namespaceOf } from "./hung-bindings.ts";

const CTX = { waitUntil: () => undefined } as unknown as ExecutionContext;
const MAPPING = {
  current: async () => ({ version: 1, shards: 1, buckets: 0, map: spreadEvenly(["HISTORY_DB_0"]) }),
};

/** The history worker as it is deployed, of one real shard, over a database of the test's own. */
export async function historyOfOneShard(database: object): Promise<Playback> {
  const stored = new Map<string, unknown>();
  const storage = {
    sql: new SqliteShardSql(),
    kv: {
      get: (key: string) => stored.get(key),
      put: (key: string, value: unknown) => void stored.set(key, value),
    },
    getAlarm: async () => null,
    setAlarm: async () => undefined,
    transactionSync: (work: () => unknown) => work(),
  };
  const state = {
    id: { name: "shard-0" },
    storage,
    blockConcurrencyWhile: (work: () => Promise<unknown>) => work(),
  };
  const objects: { shard?: HistoryShard } = {};
  const env = {
    ...historyBindings(),
    SHARD: {
      getByName: () => objects.shard,
      idFromName: (name: string) => ({ name }),
      get: () => objects.shard,
    },
    MAPPING: namespaceOf(MAPPING),
    HISTORY_DB_0: database,
    FLUSH_QUEUE: hungService(),
  } as unknown as HistoryEnv;
  objects.shard = new HistoryShard(state as unknown as DurableObjectState, env);
  await new Promise((resolve) => void setImmediate(resolve));
  await objects.shard.wake();
  return new Playback(CTX, env);
}
