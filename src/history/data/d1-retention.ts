import { bound, boundAll, namedSql, type NamedSql } from "../../platform/database/named-sql.ts";
import type { Retention } from "../biz/ports.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";

const DAY_MS = 86_400_000;
const UNREADABLE_RETENTION_MS = 30 * DAY_MS;
const REJECTED_RETENTION_MS = 90 * DAY_MS;
const ROWS_PER_STEP = 500;
/** Each has up to 128 KB, which is 32 pages to be freed. */
const LETTERS_PER_STEP = 100;

const PRUNE_UNREADABLE = namedSql(`
  DELETE FROM unreadable_message WHERE id IN (
    SELECT id FROM unreadable_message WHERE received_at < :beforeMs ORDER BY received_at, id LIMIT :rowsMax)
  RETURNING 1`);
const PRUNE_REJECTED = namedSql(`
  DELETE FROM history_rejected WHERE (user_id, kind, item_id, rev) IN (
    SELECT user_id, kind, item_id, rev FROM history_rejected WHERE rejected_at < :beforeMs
    ORDER BY rejected_at, user_id, kind, item_id, rev LIMIT :rowsMax)
  RETURNING 1`);
/** A letter says what it is in its first bytes; the rest of it is not looked at. */
const COUNT_LETTERS = namedSql(`
  INSERT INTO failure_count (kind, total, last_at)
  SELECT CASE substr(body, 1, 15) WHEN '{"type":"flush"' THEN 'dead_flush' WHEN '{"type":"refill' THEN 'dead_refill' ELSE 'unreadable' END,
    count(*), max(received_at)
  FROM (SELECT body, received_at FROM dead_letter ORDER BY id LIMIT :rowsMax) WHERE true GROUP BY 1
  ON CONFLICT (kind) DO UPDATE SET total = failure_count.total + excluded.total, last_at = max(failure_count.last_at, excluded.last_at)`);
const PRUNE_LETTERS = namedSql(
  "DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter ORDER BY id LIMIT :rowsMax) RETURNING 1",
);

/**
 * Dead letters that the release before kept with their bodies, in database 0: counted, then
 * deleted, all of them. The batch is a transaction, so that the rows counted are the rows deleted.
 */
export function oldLetters(db: D1Database): Retention {
  return {
    what: "dead letters of an earlier release",
    prune: () =>
      more("prune dead letters", LETTERS_PER_STEP, async () => {
        const statements = boundAll(db, [COUNT_LETTERS, PRUNE_LETTERS], { rowsMax: LETTERS_PER_STEP });
        return (await db.batch(statements)).at(-1)?.results.length ?? 0;
      }),
  };
}

/** Outlines of unreadable messages, in database 0. */
export function oldUnreadable(db: D1Database): Retention {
  return {
    what: "unreadable messages",
    prune: (nowMs) =>
      more("prune unreadable messages", ROWS_PER_STEP, () =>
        deleted(db, PRUNE_UNREADABLE, nowMs - UNREADABLE_RETENTION_MS),
      ),
  };
}

/** Records that one database refused, and that nobody has redriven. */
export function oldRejected(db: D1Database): Retention {
  return {
    what: "rejected records",
    prune: (nowMs) =>
      more("prune rejected records", ROWS_PER_STEP, () =>
        deleted(db, PRUNE_REJECTED, nowMs - REJECTED_RETENTION_MS),
      ),
  };
}

async function deleted(
  db: D1Database,
  query: NamedSql<"beforeMs" | "rowsMax">,
  beforeMs: number,
): Promise<number> {
  return (await bound(db, query, { beforeMs, rowsMax: ROWS_PER_STEP }).all()).results.length;
}

/** Whether a step has deleted as many rows as it may. */
async function more(what: string, perStep: number, step: () => Promise<number>): Promise<boolean> {
  try {
    return (await step()) >= perStep;
  } catch (cause) {
    throw d1Error(cause, what);
  }
}
