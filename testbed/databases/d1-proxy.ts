/** One statement with what was bound to it. */
export interface D1Run {
  readonly query: string;
  readonly values: readonly unknown[];
}

/** What a database is asked at once: one statement, or a batch of them. */
export interface D1Ask {
  readonly runs: readonly D1Run[];
  readonly isBatch: boolean;
}

/** Stands between a database and whoever asks it: `ask` asks, and answers a result for each run. */
export type D1Between = (ask: () => Promise<D1Result[]>, asked: D1Ask) => Promise<D1Result[]>;

/**
 * A D1 database behind `between`, which may count, delay or lose what goes through it. Rows for
 * `first` and `raw` are taken from whole results, since D1 tells no numbers with them otherwise.
 *
 * @param rewrite makes the SQL that is prepared; `between` sees what it was made from
 */
export function proxiedD1(
  db: D1Database,
  between: D1Between,
  rewrite: (query: string) => string = (query) => query,
): D1Database {
  const originals = new WeakMap<object, { readonly statement: D1PreparedStatement; readonly run: D1Run }>();
  const originalOf = (proxied: D1PreparedStatement) => {
    const original = originals.get(proxied);
    if (original === undefined) throw new TypeError("a batch holds a statement of another database");
    return original;
  };
  const wrap = (statement: D1PreparedStatement, run: D1Run): D1PreparedStatement => {
    const one = async (ask: () => Promise<D1Result>): Promise<D1Result> => {
      const [result] = await between(async () => [await ask()], { runs: [run], isBatch: false });
      if (result === undefined) throw new TypeError("a statement was answered without a result");
      return result;
    };
    const all = (): Promise<D1Result> => one(() => statement.all());
    const rows = async () => (await all()).results as Record<string, unknown>[];
    const proxied = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values), { query: run.query, values }),
      all,
      run: () => one(() => statement.run()),
      first: async (column?: string) => {
        const [row = null] = await rows();
        return row === null || column === undefined ? row : row[column];
      },
      raw: async () => (await rows()).map((row) => Object.values(row)),
    } as unknown as D1PreparedStatement;
    originals.set(proxied, { statement, run });
    return proxied;
  };
  return {
    prepare: (query: string) => wrap(db.prepare(rewrite(query)), { query, values: [] }),
    batch: (statements: D1PreparedStatement[]) => {
      const batch = statements.map(originalOf);
      return between(() => db.batch(batch.map(({ statement }) => statement)), {
        runs: batch.map(({ run }) => run),
        isBatch: true,
      });
    },
  } as unknown as D1Database;
}
