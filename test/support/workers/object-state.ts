import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";

/** The state of a Durable Object in Node: storage in memory, and an alarm that never goes off. */
export function objectState(name: string, stored: Readonly<Record<string, unknown>> = {}): object {
  const kept = new Map(Object.entries(stored));
  const sql = new SqliteShardSql();
  let alarmAtMs: number | null = null;
  const storage = {
    sql,
    kv: {
      get: (key: string) => kept.get(key),
      put: (key: string, value: unknown) => void kept.set(key, value),
      delete: (key: string) => kept.delete(key),
      list: ({ prefix = "" }: { readonly prefix?: string } = {}) =>
        [...kept].filter(([key]) => key.startsWith(prefix)),
    },
    getAlarm: async () => alarmAtMs,
    setAlarm: async (atMs: number) => void (alarmAtMs = atMs),
    deleteAll: async () => kept.clear(),
    sync: async () => undefined,
    transactionSync: (work: () => void) => sql.transaction(work),
  };
  return { id: { name }, storage, blockConcurrencyWhile: (work: () => Promise<void>) => work() };
}
