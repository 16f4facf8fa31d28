/** D1 as it is, with a count of the rows it says it has written, and read. */
export function meteredD1(db: D1Database): {
  readonly metered: D1Database;
  readonly rows: () => number;
  readonly rowsRead: () => number;
} {
  let rows = 0;
  let rowsRead = 0;
  const originals = new WeakMap<object, D1PreparedStatement>();
  const count = <T extends D1Result>(result: T): T => {
    rows += result.meta.rows_written;
    rowsRead += result.meta.rows_read;
    return result;
  };
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
      run: async () => count(await statement.run()),
      all: async () => count(await statement.all()),
      first: async () => count(await statement.all()).results[0] ?? null,
      // D1 tells no numbers with raw rows.
      raw: async () => count(await statement.all()).results.map((row) => Object.values(row)),
    } as unknown as D1PreparedStatement;
    originals.set(wrapped, statement);
    return wrapped;
  };
  const database = {
    prepare: (query: string) => wrap(db.prepare(query)),
    batch: async (statements: D1PreparedStatement[]) => {
      const results = await db.batch(statements.map((statement) => originals.get(statement) ?? statement));
      results.forEach(count);
      return results;
    },
  } as unknown as D1Database;
  return { metered: database, rows: () => rows, rowsRead: () => rowsRead };
}
