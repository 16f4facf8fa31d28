import { MAIN_CELL } from "../../contracts/cell.ts";
import { CodedError } from "../../contracts/errors.ts";
import { databaseNumber } from "../biz/placement.ts";

/** A database by the name of its binding: it is found by that, wherever it stands among others. */
export interface NamedDatabase {
  readonly name: string;
  readonly db: D1Database;
}

/**
 * The databases of a cell, as many as are bound, in the order of their numbers: `HISTORY_DB_<n>` of
 * the main cell, of another with its name before the number, in upper case. Numbers may be missing
 * among them.
 */
export function historyDatabases(env: object, cell: string = MAIN_CELL): readonly NamedDatabase[] {
  const prefix = prefixOf(cell);
  return Object.entries(env as Readonly<Record<string, D1Database>>)
    .filter(([name]) => name.startsWith(prefix) && /^(0|[1-9]\d{0,2})$/.test(name.slice(prefix.length)))
    .map(([name, db]) => ({ name, db }))
    .toSorted((a, b) => databaseNumber(a.name) - databaseNumber(b.name));
}

/** By their numbers; where one isn't bound there is a hole. */
export function byNumber<T>(databases: readonly NamedDatabase[], make: (db: D1Database) => T): readonly T[] {
  const made: T[] = [];
  for (const { name, db } of databases) made[databaseNumber(name)] = make(db);
  return made;
}

/**
 * Which of the databases holds a user, given the number of it. Throws `UNAVAILABLE` where that one
 * is not bound, so that nobody is looked for elsewhere; who is in another is not concerned.
 */
export function databaseFinder(
  databases: readonly NamedDatabase[],
  cell: string,
  numberOf: (userId: string) => number,
): (userId: string) => D1Database {
  const bound = byNumber(databases, (db) => db);
  return function databaseOf(userId) {
    const number = numberOf(userId);
    const db = bound[number];
    if (db === undefined) throw new CodedError("UNAVAILABLE", `${prefixOf(cell)}${number} is not bound`);
    return db;
  };
}

function prefixOf(cell: string): string {
  return cell === MAIN_CELL ? "HISTORY_DB_" : `HISTORY_DB_${cell.toUpperCase()}_`;
}
