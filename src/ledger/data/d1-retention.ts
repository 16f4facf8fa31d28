import type { Retention } from "../biz/ports.ts";
import { d1Batch } from "../../platform/d1-call.ts";
import { CONSUMER } from "./d1-inbox.ts";

const DAY_MS = 86_400_000;
/** Longer than any message can still be on its way: a queue keeps one for 14 days at most, the outbox tries for one. */
export const INBOX_RETENTION_MS = 35 * DAY_MS;
const CHANGES_RETENTION_MS = 7 * DAY_MS;
const DEAD_LETTER_RETENTION_MS = 30 * DAY_MS;
const DEAD_LETTERS_MAX = 10_000;
const ROWS_PER_BATCH = 500;

/** 1 oldest id kept, 2 received before, 3 limit. Ids begin with their time, so the range is read from its old end. */
const PRUNE_INBOX = `
  DELETE FROM inbox WHERE consumer = '${CONSUMER}' AND message_id IN (
    SELECT message_id FROM inbox WHERE consumer = '${CONSUMER}' AND message_id < ?1 AND at < ?2 LIMIT ?3)
  RETURNING 1`;
/** 1 before, 2 limit. Never the newest row: its number would be given again. */
const PRUNE_CHANGES = `
  DELETE FROM change_log WHERE seq IN (
    SELECT seq FROM change_log WHERE at < ?1 AND seq <= (SELECT published_seq FROM change_stream WHERE id = 1)
      AND seq < (SELECT max(seq) FROM change_log) ORDER BY seq LIMIT ?2)
  RETURNING 1`;
/** 1 before, 2 limit, 3 most kept. */
const PRUNE_DEAD_LETTERS = `
  DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter WHERE at < ?1
    OR id IN (SELECT id FROM dead_letter ORDER BY at DESC LIMIT -1 OFFSET ?3) LIMIT ?2)
  RETURNING 1`;

/** Deletes what is old, some hundred rows at a time: whoever calls this often enough keeps up. */
export function d1Retention(db: D1Database): Retention {
  return {
    async prune(nowMs) {
      const inboxBeforeMs = nowMs - INBOX_RETENTION_MS;
      const results = await d1Batch("prune", db, [
        db.prepare(PRUNE_INBOX).bind(firstIdAt(inboxBeforeMs), inboxBeforeMs, ROWS_PER_BATCH),
        db.prepare(PRUNE_CHANGES).bind(nowMs - CHANGES_RETENTION_MS, ROWS_PER_BATCH),
        db.prepare(PRUNE_DEAD_LETTERS).bind(nowMs - DEAD_LETTER_RETENTION_MS, ROWS_PER_BATCH, DEAD_LETTERS_MAX),
      ]);
      return results.reduce((sum, { results: rows }) => sum + rows.length, 0);
    },
  };
}

/** Smaller than every UUIDv7 made at `atMs` or later. */
function firstIdAt(atMs: number): string {
  const hex = Math.max(0, atMs).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
