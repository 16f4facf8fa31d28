import { proxiedD1, type D1Run } from "./d1-proxy.ts";

/** What one statement has cost so far. */
export interface StatementCost {
  readonly runs: number;
  /** Of the dearest run. */
  readonly rowsReadMax: number;
  readonly rowsWrittenMax: number;
  /** What was bound in the last run. */
  readonly values: readonly unknown[];
}

/**
 * D1 as it is, with a count of the rows it says it has written, and read: in all, and by the
 * statement.
 */
export function meteredD1(db: D1Database): {
  readonly metered: D1Database;
  readonly rows: () => number;
  readonly rowsRead: () => number;
  /** By the statement's text, each run of white space as one blank. */
  readonly statements: ReadonlyMap<string, StatementCost>;
} {
  let rows = 0;
  let rowsRead = 0;
  const statements = new Map<string, StatementCost>();
  const count = ({ meta: { rows_read: read, rows_written: written } }: D1Result, run: D1Run): void => {
    rows += written;
    rowsRead += read;
    const query = run.query.trim().replaceAll(/\s+/g, " ");
    const { runs, rowsReadMax, rowsWrittenMax } = statements.get(query) ?? {
      runs: 0,
      rowsReadMax: 0,
      rowsWrittenMax: 0,
    };
    statements.set(query, {
      runs: runs + 1,
      rowsReadMax: Math.max(rowsReadMax, read),
      rowsWrittenMax: Math.max(rowsWrittenMax, written),
      values: run.values,
    });
  };
  const metered = proxiedD1(db, async (ask, { runs }) => {
    const results = await ask();
    for (const [index, run] of runs.entries()) {
      const result = results[index];
      if (result !== undefined) count(result, run);
    }
    return results;
  });
  return { metered, rows: () => rows, rowsRead: () => rowsRead, statements };
}
