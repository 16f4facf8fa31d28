import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
import type { ShardSql } from "../../src/history/data/shard-sql.ts";

/**
 * A Durable Object's SQL storage on Node's SQLite. Its writes can be made to fail, as a full disk
 * or the platform's limits would.
 */
export class SqliteShardSql implements ShardSql {
  readonly db = new DatabaseSync(":memory:");
  /** Writing statements that still succeed; the one after them throws. */
  writesLeft = Number.POSITIVE_INFINITY;

  exec(query: string, ...bindings: (string | number | ArrayBuffer | null)[]) {
    if (bindings.length === 0 && query.includes(";")) {
      this.db.exec(query);
      return { toArray: () => [] };
    }
    if (!/^\s*SELECT/i.test(query)) {
      if (this.writesLeft <= 0) throw new Error("the disk is full");
      this.writesLeft -= 1;
    }
    const values = bindings.map((value): SQLInputValue =>
      value instanceof ArrayBuffer ? new Uint8Array(value) : value,
    );
    const rows = this.db
      .prepare(query)
      .all(...values)
      .map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asPlatform(value)])),
      );
    return { toArray: () => rows };
  }

  transaction(work: () => void): void {
    this.db.exec("BEGIN");
    try {
      work();
      this.db.exec("COMMIT");
    } catch (error) {
      this.db.exec("ROLLBACK");
      throw error;
    }
  }
}

/** Node gives blobs as byte arrays, the platform as buffers. */
function asPlatform(value: SQLOutputValue): string | number | ArrayBuffer | null {
  if (value instanceof Uint8Array) return value.slice().buffer;
  return typeof value === "bigint" ? Number(value) : value;
}
