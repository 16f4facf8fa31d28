import type { Retention } from "../biz/ports.ts";
import { d1Batch, rowsOf } from "../../platform/database/d1-call.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { CONSUMER } from "./d1-inbox.ts";

const DAY_MS = 86_400_000;
/**
 * Longer than any message can still be on its way: a queue keeps one for 14 days at most, the
 * outbox tries for one.
 */
export const INBOX_RETENTION_MS = 35 * DAY_MS;
const CHANGES_RETENTION_MS = 7 * DAY_MS;
const DEAD_LETTER_RETENTION_MS = 30 * DAY_MS;
const DEAD_LETTERS_MAX = 10_000;
/** Rows of each table that one step looks at. */
const ROWS_PER_STEP = 1_000;

/*
 * Nothing here looks for what is old: it looks at the next rows from the old end, in the order in
 * which they lie, and deletes those that are old. So a step reads as many rows as it may delete,
 * whatever there is.
 */

/** Ids begin with their time. */
const OLD_IDS =
  `SELECT message_id, at FROM inbox WHERE consumer = '${CONSUMER}' AND message_id > :from AND message_id < :firstKept ORDER BY message_id LIMIT :limit` as const;
const LOOKED_AT = namedSql(`SELECT max(message_id) AS last, count(*) AS rows FROM (${OLD_IDS})`);
const PRUNE_INBOX = namedSql(`
  DELETE FROM inbox WHERE consumer = '${CONSUMER}' AND message_id IN (SELECT message_id FROM (${OLD_IDS}) WHERE at < :inboxBeforeMs) RETURNING 1`);
/** Never the newest row: its number would be given again. */
const PRUNE_CHANGES = namedSql(`
  DELETE FROM change_log WHERE seq IN (
    SELECT seq FROM (SELECT seq, at FROM change_log ORDER BY seq LIMIT :limit)
    WHERE at < :changesBeforeMs AND seq <= (SELECT published_seq FROM change_stream WHERE id = 1) AND seq < (SELECT max(seq) FROM change_log))
  RETURNING 1`);
const PRUNE_OLD_LETTERS = namedSql(`
  DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter WHERE at < :lettersBeforeMs ORDER BY at, id LIMIT :limit) RETURNING 1`);
const PRUNE_SURPLUS_LETTERS = namedSql(`
  DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter ORDER BY at DESC, id DESC LIMIT :limit OFFSET :lettersMax) RETURNING 1`);

/**
 * Deletes what is old, some thousand rows a step. From where it goes on in the inbox it keeps in
 * memory: rows that are old by their id and young by their time, as a redrive after weeks leaves
 * them, are passed by. An isolate that has forgotten begins at the old end again.
 */
export function d1Retention(db: D1Database): Retention {
  let from = "";
  return {
    what: "the inbox, changes and dead letters",

    async prune(nowMs) {
      const inboxBeforeMs = nowMs - INBOX_RETENTION_MS;
      const batch = boundAll(
        db,
        [LOOKED_AT, PRUNE_INBOX, PRUNE_CHANGES, PRUNE_OLD_LETTERS, PRUNE_SURPLUS_LETTERS],
        {
          firstKept: firstIdAt(inboxBeforeMs),
          from,
          inboxBeforeMs,
          changesBeforeMs: nowMs - CHANGES_RETENTION_MS,
          lettersBeforeMs: nowMs - DEAD_LETTER_RETENTION_MS,
          lettersMax: DEAD_LETTERS_MAX,
          limit: ROWS_PER_STEP,
        },
      );
      const results = await d1Batch("prune", db, batch);
      const [lookedAt] = rowsOf<{ readonly last: string | null; readonly rows: number }>(results, 0);
      const isWholeStep = (lookedAt?.rows ?? 0) >= ROWS_PER_STEP;
      // At the end of the range it begins again: something may have come at the old end meanwhile.
      const hasMoreIds = isWholeStep || from !== "";
      from = isWholeStep ? (lookedAt?.last ?? "") : "";
      return hasMoreIds || results.slice(2).some((result) => result.results.length >= ROWS_PER_STEP);
    },
  };
}

/** Smaller than every UUIDv7 made at `atMs` or later. */
function firstIdAt(atMs: number): string {
  const hex = Math.max(0, atMs).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
