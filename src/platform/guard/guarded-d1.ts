import { CodedError } from "../../contracts/errors.ts";
import type { Guard } from "./guard.ts";
import type { Patience } from "../call/patience.ts";
import { isRefusedByD1 } from "../database/platform-errors.ts";

export interface GuardedD1Options {
  readonly guard: Guard;
  /**
   * How long the caller will wait. `one call`: as long as one query may take, in which one that
   * fails at once is tried again. It can't be said by a deadline of that length: less a margin that
   * would be shorter than the timeout, and the breaker would not count a database that hangs.
   */
  readonly patience: (() => Patience) | "one call";
  /** What one query may take, where it is not the guard's own timeout, in ms. */
  readonly timeoutMs?: number;
}

const READS = /^\s*select\b/i;

/**
 * A D1 database whose every query passes a guard. Reads are tried again when they fail, writes and
 * batches never: whether a failed one took effect is not known here, and only who has a key for it
 * may ask again. A query that is late goes on in the database and can't be recalled; its answer is
 * dropped.
 */
export function guardedD1(db: D1Database, options: GuardedD1Options): D1Database {
  const { guard, patience, timeoutMs } = options;
  const call = <T>(isRead: boolean, run: () => Promise<T>): Promise<T> =>
    guard.call(
      isRead ? "read the database" : "write the database",
      {
        kind: isRead ? "read" : "write",
        idempotent: isRead,
        // This place can't know what a write's key is; who does may ask again.
        keyed: !isRead,
        ...(patience === "one call" ? guard.patienceOfOne(timeoutMs) : patience()),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
      async () => {
        try {
          return await run();
        } catch (cause) {
          throw isRefusedByD1(cause)
            ? new CodedError("INVALID", "the database refused the data", { cause })
            : cause;
        }
      },
    );

  const originals = new WeakMap<object, D1PreparedStatement>();
  function guardStatement(statement: D1PreparedStatement, isRead: boolean): D1PreparedStatement {
    const guarded = {
      bind: (...values: unknown[]) => guardStatement(statement.bind(...values), isRead),
      first: (column?: string) =>
        call<unknown>(isRead, () => (column === undefined ? statement.first() : statement.first(column))),
      run: () => call(isRead, () => statement.run()),
      all: () => call(isRead, () => statement.all()),
      raw: (rawOptions?: { columnNames?: false }) => call<unknown>(isRead, () => statement.raw(rawOptions)),
    } as unknown as D1PreparedStatement;
    originals.set(guarded, statement);
    return guarded;
  }

  return {
    prepare: (query: string) => guardStatement(db.prepare(query), READS.test(query)),
    batch: (statements: D1PreparedStatement[]) =>
      call(false, () => db.batch(statements.map((statement) => originals.get(statement) ?? statement))),
    exec: (query: string) => call(false, () => db.exec(query)),
  } as unknown as D1Database;
}
