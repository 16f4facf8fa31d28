import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

/** A database of Node's SQLite that looks like one of D1. */
export interface SqliteD1 extends D1Database {
  readonly sqlite: DatabaseSync;
  /** A statement, prepared once. */
  readonly statement: (query: string) => StatementSync;
}

interface Prepared {
  readonly query: string;
  readonly values: readonly SQLInputValue[];
}

const STATEMENTS_MAX = 500;

/** Databases as their migrations leave them: many are made of the same. */
const images = new Map<string, Uint8Array>();

/**
 * As much of a D1 database as our code uses, on Node's SQLite: the same SQL by the same engine,
 * with `batch` as the only transaction. Everything takes effect when it is called; what is awaited
 * is only the answer.
 *
 * @param nowMs the database's own clock, as `unixepoch('subsec')` reads it; the machine's if absent
 */
export function sqliteD1(migrations: string, nowMs?: () => number): SqliteD1 {
  const sqlite = nowMs === undefined ? migrated(migrations) : new DatabaseSync(":memory:");
  if (nowMs !== undefined) {
    sqlite.function("unixepoch", { varargs: true }, () => nowMs() / 1_000);
    sqlite.exec(migrations);
  }
  const statements = new Map<string, StatementSync>();
  const prepared = new WeakMap<object, Prepared>();

  const statementOf = (query: string): StatementSync => {
    let statement = statements.get(query);
    if (statement === undefined) {
      if (statements.size >= STATEMENTS_MAX) statements.clear();
      statement = sqlite.prepare(query);
      statements.set(query, statement);
    }
    return statement;
  };
  const rowsOf = ({ query, values }: Prepared): Record<string, unknown>[] =>
    statementOf(query).all(...values);
  const resultOf = (results: unknown[]): D1Result =>
    ({ success: true, results, meta: {} }) as unknown as D1Result;

  function statement(query: string, values: readonly SQLInputValue[]): D1PreparedStatement {
    const own = { query, values };
    const made = {
      bind: (...bound: SQLInputValue[]) => statement(query, bound),
      all: async () => resultOf(rowsOf(own)),
      run: async () => resultOf(rowsOf(own)),
      raw: async () => rowsOf(own).map((row) => Object.values(row)),
      first: async (column?: string) => {
        const [row] = rowsOf(own);
        return row === undefined ? null : column === undefined ? row : row[column];
      },
    } as unknown as D1PreparedStatement;
    prepared.set(made, own);
    return made;
  }

  return {
    sqlite,
    statement: statementOf,
    prepare: (query: string) => statement(query, []),
    batch: async (batch: D1PreparedStatement[]) => {
      sqlite.exec("BEGIN");
      try {
        const results = batch.map((item) =>
          resultOf(rowsOf(prepared.get(item) ?? { query: "", values: [] })),
        );
        sqlite.exec("COMMIT");
        return results;
      } catch (error) {
        sqlite.exec("ROLLBACK");
        throw error;
      }
    },
  } as unknown as SqliteD1;
}

/** A new database with these migrations, copied from one that had them. */
function migrated(migrations: string): DatabaseSync {
  const sqlite = new DatabaseSync(":memory:");
  const image = images.get(migrations);
  if (image !== undefined) sqlite.deserialize(image);
  else {
    sqlite.exec(migrations);
    images.set(migrations, sqlite.serialize());
  }
  return sqlite;
}
