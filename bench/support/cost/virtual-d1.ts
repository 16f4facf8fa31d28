import type { RecordedSql, SqlValue } from "./recorded-sql.ts";

interface Prepared {
  readonly query: string;
  readonly values: readonly SqlValue[];
}

/** Runs what a database is asked, as long as that takes. */
export type AskDatabase = <T>(run: () => T) => Promise<T>;

/** As much of D1 as our code uses, over a recorded database. */
export function virtualD1(sql: RecordedSql, ask: AskDatabase): D1Database {
  const prepared = new WeakMap<object, Prepared>();
  const resultOf = ({ query, values }: Prepared): D1Result => {
    const results = sql.exec(query, values);
    return { success: true, results, meta: { changes: sql.changesOf(query) } } as unknown as D1Result;
  };
  const rowsOf = async (own: Prepared): Promise<Record<string, unknown>[]> =>
    (await ask(() => resultOf(own))).results as Record<string, unknown>[];

  function statement(own: Prepared): D1PreparedStatement {
    const made = {
      bind: (...values: SqlValue[]) => statement({ query: own.query, values }),
      all: () => ask(() => resultOf(own)),
      run: () => ask(() => resultOf(own)),
      raw: async () => (await rowsOf(own)).map((row) => Object.values(row)),
      first: async (column?: string) => {
        const [row] = await rowsOf(own);
        return row === undefined ? null : column === undefined ? row : row[column];
      },
    } as unknown as D1PreparedStatement;
    prepared.set(made, own);
    return made;
  }

  return {
    prepare: (query: string) => statement({ query, values: [] }),
    batch: (statements: D1PreparedStatement[]) =>
      ask(() =>
        sql.transaction(() =>
          statements.map((each) => {
            const own = prepared.get(each);
            if (own === undefined) throw new TypeError("a batch holds a statement of another database");
            return resultOf(own);
          }),
        ),
      ),
  } as unknown as D1Database;
}
