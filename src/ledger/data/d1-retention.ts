import type { Retention } from "../biz/ports.ts";
import { d1Batch, rowsOf } from "../../platform/d1-call.ts";
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

/** 1 oldest id kept, 2 from, 3 limit. Ids begin with their time. */
const OLD_IDS = `
  SELECT message_id, at FROM inbox WHERE consumer = '${CONSUMER}' AND message_id > ?2 AND message_id < ?1 ORDER BY message_id LIMIT ?3`;
const LOOKED_AT = `SELECT max(message_id) AS last, count(*) AS rows FROM (${OLD_IDS})`;
/** 1 oldest id kept, 2 from, 3 limit, 4 received before. */
const PRUNE_INBOX = `
  DELETE FROM inbox WHERE consumer = '${CONSUMER}' AND message_id IN (SELECT message_id FROM (${OLD_IDS}) WHERE at < ?4) RETURNING 1`;
/** 1 before, 2 limit. Never the newest row: its number would be given again. */
const PRUNE_CHANGES = `
  DELETE FROM change_log WHERE seq IN (
    SELECT seq FROM (SELECT seq, at FROM change_log ORDER BY seq LIMIT ?2)
    WHERE at < ?1 AND seq <= (SELECT published_seq FROM change_stream WHERE id = 1) AND seq < (SELECT max(seq) FROM change_log))
  RETURNING 1`;
/** 1 before, 2 limit. */
const PRUNE_OLD_LETTERS = `
  DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter WHERE at < ?1 ORDER BY at, id LIMIT ?2) RETURNING 1`;
/** 1 most kept, 2 limit. */
const PRUNE_SURPLUS_LETTERS = `
  DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter ORDER BY at DESC, id DESC LIMIT ?2 OFFSET ?1) RETURNING 1`;

/**
 * Deletes what is old, some thousand rows a step. From where it goes on in the inbox it keeps in
 * memory: rows that are old by their id and young by their time, as whoever redrives after weeks
 * leaves them, are passed by. An isolate that has forgotten begins at the old end again.
 */
export function d1Retention(db: D1Database): Retention {
  let from = "";
  return {
    what: "the inbox, changes and dead letters",

    async prune(nowMs) {
      const inboxBeforeMs = nowMs - INBOX_RETENTION_MS;
      const range = [firstIdAt(inboxBeforeMs), from, ROWS_PER_STEP] as const;
      const results = await d1Batch("prune", db, [
        db.prepare(LOOKED_AT).bind(...range),
        db.prepare(PRUNE_INBOX).bind(...range, inboxBeforeMs),
        db.prepare(PRUNE_CHANGES).bind(nowMs - CHANGES_RETENTION_MS, ROWS_PER_STEP),
        db.prepare(PRUNE_OLD_LETTERS).bind(nowMs - DEAD_LETTER_RETENTION_MS, ROWS_PER_STEP),
        db.prepare(PRUNE_SURPLUS_LETTERS).bind(DEAD_LETTERS_MAX, ROWS_PER_STEP),
      ]);
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
