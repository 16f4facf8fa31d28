import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";

/** A table of a store, and what looks through it: the columns that hold a text anywhere. */
interface StoreTable {
  readonly store: "database" | "shard" | "mapping object";
  readonly table: string;
  readonly columnsWith: (text: string) => Promise<readonly string[]>;
}

type Query = (sql: string, ...values: readonly string[]) => Promise<readonly Record<string, unknown>[]>;

/* D1's own tables and those of objects are none of ours. */
const TABLES = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'
  AND name NOT LIKE '\\_cf%' ESCAPE '\\'`;

async function tablesOf(store: "database" | "shard", query: Query): Promise<readonly StoreTable[]> {
  const tables = (await query(TABLES)).map(({ name }) => String(name));
  return tables.map((table) => ({
    store,
    table,
    columnsWith: async (text) => {
      const columns = (await query("SELECT name FROM pragma_table_info(?)", table)).map(({ name }) =>
        String(name),
      );
      // As bytes: a text within a blob is found too.
      const holds = columns.map(
        (column) => `max(instr(CAST("${column}" AS BLOB), CAST(?1 AS BLOB))) > 0 AS "${column}"`,
      );
      const [row = {}] = await query(`SELECT ${holds.join(", ")} FROM "${table}"`, text);
      return columns.filter((column) => row[column] === 1);
    },
  }));
}

type StoreObject = DurableObjectStub;

function keysOf(store: StoreTable["store"], object: StoreObject): StoreTable {
  return {
    store,
    table: "key-value",
    columnsWith: (text) =>
      runInDurableObject(object, (_instance, { storage }) =>
        Array.from(storage.kv.list(), (entry) => JSON.stringify(entry)).filter((entry) =>
          entry.includes(text),
        ),
      ),
  };
}

/** Every table of every store of history in cell `main`, as the stores themselves say. */
export async function everyTable(shards: number): Promise<readonly StoreTable[]> {
  const tables: StoreTable[] = [];
  for (const db of [env.HISTORY_DB_0, env.HISTORY_DB_1]) {
    const query: Query = async (sql, ...values) => {
      const { results } = await db
        .prepare(sql)
        .bind(...values)
        .all();
      return results;
    };
    tables.push(...(await tablesOf("database", query)));
  }
  for (let shard = 0; shard < shards; shard += 1) {
    const object = env.SHARD.getByName(`shard-${shard}`);
    const query: Query = (sql, ...values) =>
      runInDurableObject(object, (_instance, { storage }) => storage.sql.exec(sql, ...values).toArray());
    tables.push(...(await tablesOf("shard", query)), keysOf("shard", object));
  }
  tables.push(keysOf("mapping object", env.MAPPING.getByName("main")));
  return tables;
}
