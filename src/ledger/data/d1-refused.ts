import type { Retention } from "../biz/ports.ts";
import { d1Call } from "../../platform/database/d1-call.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";

/**
 * At least this long a refused key stays refused: until the period after next begins, so up to
 * twice as long.
 */
const PERIOD_MS = 30 * 86_400_000;
const ROWS_PER_PRUNE = 500;

/** Refused keys that a user holds at most. None is forgotten early to make room. */
export const REFUSED_KEYS_MAX = 1_000;

/** The period of a moment. */
export function periodOf(atMs: number): number {
  return Math.floor(atMs / PERIOD_MS);
}

/**
 * Periods in which a key refused within the last 30 days can lie; the next one too, for clocks that
 * differ at its border.
 */
export function periodsAround<Period extends string>(period: Period) {
  return `(${period} - 1, ${period}, ${period} + 1)` as const;
}

/** Read and deleted from the old end of the primary key: what is kept is not looked at. */
const PRUNE = namedSql(`
  DELETE FROM refused WHERE (period, owner, key_digest) IN (
    SELECT period, owner, key_digest FROM refused WHERE period < :firstKept ORDER BY period, owner, key_digest LIMIT :limit)
  RETURNING 1`);

/** Forgets refused keys that need not be kept any longer, some hundred at a time. */
export function d1Refused(db: D1Database): Retention {
  return {
    what: "refused keys",

    async prune(nowMs) {
      const statement = bound(db, PRUNE, { firstKept: periodOf(nowMs) - 1, limit: ROWS_PER_PRUNE });
      const { results } = await d1Call("prune refused keys", () => statement.all());
      return results.length >= ROWS_PER_PRUNE;
    },
  };
}
