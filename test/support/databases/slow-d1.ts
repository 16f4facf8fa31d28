import type { SqliteD1 } from "./sqlite-d1.ts";

/**
 * How a database behaves at the moment: how late its answers are, in ms, and whether it then says
 * that the connection was lost. What was asked is done all the same.
 */
export interface Slowness {
  ms: number;
  loses: boolean;
}

/**
 * A database that does at once what it is asked, and is slow to say so. A test turns the slowness
 * as it goes.
 */
export function slowD1(d1: SqliteD1, slowness: Slowness): D1Database {
  const late = async <T>(answer: Promise<T>): Promise<T> => {
    const { ms, loses } = slowness;
    const result = await answer;
    if (ms > 0) await new Promise((resolve) => void setTimeout(resolve, ms));
    if (loses) throw new Error("D1_ERROR: Network connection lost.");
    return result;
  };
  const originals = new WeakMap<object, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
      first: (column?: string) =>
        late<unknown>(column === undefined ? statement.first() : statement.first(column)),
      run: () => late(statement.run()),
      all: () => late(statement.all()),
      raw: (options?: { columnNames?: false }) => late<unknown>(statement.raw(options)),
    } as unknown as D1PreparedStatement;
    originals.set(wrapped, statement);
    return wrapped;
  };
  return {
    prepare: (query: string) => wrap(d1.prepare(query)),
    batch: (statements: D1PreparedStatement[]) =>
      late(d1.batch(statements.map((statement) => originals.get(statement) ?? statement))),
  } as unknown as D1Database;
}
