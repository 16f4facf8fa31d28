/** What one statement has cost so far. */
export interface StatementCost {
  readonly runs: number;
  /** Of the dearest run. */
  readonly rowsReadMax: number;
  readonly rowsWrittenMax: number;
  /** What was bound in the last run. */
  readonly values: readonly unknown[];
}

interface Run {
  readonly query: string;
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
  const originals = new WeakMap<object, { readonly statement: D1PreparedStatement; readonly run: Run }>();
  const count = <T extends D1Result>(result: T, { query, values }: Run): T => {
    const { rows_read: read, rows_written: written } = result.meta;
    rows += written;
    rowsRead += read;
    const { runs, rowsReadMax, rowsWrittenMax } = statements.get(query) ?? {
      runs: 0,
      rowsReadMax: 0,
      rowsWrittenMax: 0,
    };
    const maxima = {
      rowsReadMax: Math.max(rowsReadMax, read),
      rowsWrittenMax: Math.max(rowsWrittenMax, written),
    };
    statements.set(query, { runs: runs + 1, ...maxima, values });
    return result;
  };
  const wrap = (statement: D1PreparedStatement, run: Run): D1PreparedStatement => {
    const all = async (): Promise<D1Result> => count(await statement.all(), run);
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values), { query: run.query, values }),
      run: async () => count(await statement.run(), run),
      all,
      first: async (column?: string) => {
        const row = ((await all()).results[0] ?? null) as Record<string, unknown> | null;
        return row === null || column === undefined ? row : row[column];
      },
      // D1 tells no numbers with raw rows.
      raw: async () => (await all()).results.map((row) => Object.values(row as object)),
    } as unknown as D1PreparedStatement;
    originals.set(wrapped, { statement, run });
    return wrapped;
  };
  const database = {
    prepare: (query: string) =>
      wrap(db.prepare(query), { query: query.trim().replaceAll(/\s+/g, " "), values: [] }),
    batch: async (batch: D1PreparedStatement[]) => {
      const results = await db.batch(batch.map((item) => originals.get(item)?.statement ?? item));
      results.forEach((result, index) => {
        const item = batch[index];
        count(
          result,
          (item === undefined ? undefined : originals.get(item)?.run) ?? { query: "", values: [] },
        );
      });
      return results;
    },
  } as unknown as D1Database;
  return { metered: database, rows: () => rows, rowsRead: () => rowsRead, statements };
}
