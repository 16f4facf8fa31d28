import { d1Error } from "./platform-errors.ts";

/**
 * Awaits a call to D1, which passes a guard (`wire.ts`). A failure means that the database can't be
 * used now, or not in time, and that it is not known whether the work was done; no outcome of ours
 * is told by an exception.
 */
export async function d1Call<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw d1Error(cause, what);
  }
}

/** Runs one unit of work: all of its statements or none. Answers the rows of each. */
export function d1Batch(
  what: string,
  db: D1Database,
  statements: D1PreparedStatement[],
): Promise<readonly D1Result[]> {
  return d1Call(what, () => db.batch(statements));
}

/** The rows of one statement of a batch. The statement's text says what they are. */
export function rowsOf<T = unknown>(results: readonly D1Result[], index: number): readonly T[] {
  return (results[index]?.results ?? []) as readonly T[];
}

/**
 * Whether a statement of a batch gave a row: guarded statements say by `RETURNING` that their guard
 * held.
 */
export function gaveRow(results: readonly D1Result[], index: number): boolean {
  return rowsOf(results, index).length > 0;
}
