import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
import type { ShardSql } from "../../src/history/data/shard-sql.ts";

/**
 * Rows written so far, as the platform would bill them: one for each row inserted, updated or
 * deleted.
 */
export interface RowMeter {
  rowsWritten: number;
}

/** A Durable Object's SQL storage on Node's SQLite, metered. */
export function meteredShardSql(meter: RowMeter): ShardSql {
  const db = new DatabaseSync(":memory:");
  return {
    exec(query, ...bindings) {
      if (bindings.length === 0 && query.includes(";")) {
        db.exec(query);
        return { toArray: () => [] };
      }
      const statement = db.prepare(query);
      const values = bindings.map((value): SQLInputValue =>
        value instanceof ArrayBuffer ? new Uint8Array(value) : value,
      );
      if (/^\s*SELECT/i.test(query)) {
        const rows = statement
          .all(...values)
          .map((row) =>
            Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asPlatform(value)])),
          );
        return { toArray: () => rows };
      }
      meter.rowsWritten += Number(statement.run(...values).changes);
      return { toArray: () => [] };
    },
    transaction(work) {
      db.exec("BEGIN");
      try {
        work();
        db.exec("COMMIT");
      } catch (error) {
        db.exec("ROLLBACK");
        throw error;
      }
    },
  };
}

/** Node gives blobs as byte arrays, the platform as buffers. */
function asPlatform(value: SQLOutputValue): string | number | ArrayBuffer | null {
  if (value instanceof Uint8Array) return value.slice().buffer;
  return typeof value === "bigint" ? Number(value) : value;
}
