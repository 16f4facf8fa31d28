import type { ShardSql } from "../../src/history/data/shard-sql.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import { startSqlMeter } from "./measured-platforms.ts";
import { SqliteShardSql } from "../../testbed/databases/sqlite-shard-sql.ts";

/** Rows as the platform bills them: scanned ones are read, whether or not they are answered. */
export interface BilledRows {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

type RecordedValue = string | number | null | { readonly blobBytes: number };

/** An object's SQL that takes note of all it is asked for. */
export interface RecordedSql {
  readonly sql: ShardSql;
  readonly statements: readonly (readonly [query: string, values: readonly RecordedValue[]])[];
}

/** The runtime's own meters: what they count is what production bills. */
export interface RowMeter {
  /** A history database, with what it has billed so far. */
  readonly database: () => Promise<{ readonly metered: D1Database; readonly billed: () => BilledRows }>;
  /**
   * Runs an object's statements again, in an object that the runtime meters: the shard itself runs
   * outside it, where time can be turned.
   */
  readonly ofObject: (name: string, recorded: RecordedSql) => Promise<BilledRows>;
  readonly stop: () => Promise<void>;
}

const STATEMENTS_PER_CALL = 2_000;

export async function startRowMeter(): Promise<RowMeter> {
  const { miniflare, url, stop } = await startSqlMeter();
  return {
    async database() {
      const { metered, rows, rowsRead } = meteredD1(
        await miniflare.getD1Database("HISTORY_DB_0", "sql-meter"),
      );
      const before = { rowsRead: rowsRead(), rowsWritten: rows() };
      return {
        metered,
        billed: () => ({ rowsRead: rowsRead() - before.rowsRead, rowsWritten: rows() - before.rowsWritten }),
      };
    },
    async ofObject(name, { statements }) {
      const sum = { rowsRead: 0, rowsWritten: 0 };
      for (let from = 0; from < statements.length; from += STATEMENTS_PER_CALL) {
        const body = JSON.stringify(statements.slice(from, from + STATEMENTS_PER_CALL));
        const response = await fetch(`${url}/${name}`, { method: "POST", body });
        if (!response.ok)
          throw new Error(`metering an object's SQL answered ${response.status}: ${await response.text()}`);
        const billed = (await response.json()) as BilledRows;
        sum.rowsRead += billed.rowsRead;
        sum.rowsWritten += billed.rowsWritten;
      }
      return sum;
    },
    stop,
  };
}

export function recordedShardSql(): RecordedSql {
  const sql = new SqliteShardSql();
  const statements: [string, RecordedValue[]][] = [];
  return {
    statements,
    sql: {
      exec(query, ...bindings) {
        statements.push([
          query,
          bindings.map((value) => (value instanceof ArrayBuffer ? { blobBytes: value.byteLength } : value)),
        ]);
        return sql.exec(query, ...bindings);
      },
      transaction: (work) => sql.transaction(work),
    },
  };
}
