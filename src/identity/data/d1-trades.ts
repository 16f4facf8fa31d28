import * as z from "zod";
import type { Rotation, SessionStore } from "../biz/ports.ts";
import { d1Batch, rowsOf } from "../../platform/d1-call.ts";
import { revokeSessionsSql } from "./revoke-sessions.ts";
import { subjectIn } from "./session-subject.ts";

/**
 * Whether a token `t` may be traded at `?2`. A session ends by its age too, whoever has extended
 * it: by when it was made, a release that knew no age as well.
 */
const IS_GOOD = `
  t.used_at IS NULL AND t.expires_at > ?2 AND EXISTS (
    SELECT 1 FROM session s JOIN account a ON a.id = s.account_id
    WHERE s.id = t.session_id AND s.revoked_at IS NULL AND s.expires_at > ?2 AND s.created_at + ?3 > ?2)`;
/**
 * When the token was used that was the newest but `?4`: each token but the newest is a refresh, so
 * the sessions' tokens are the log of their refreshes. By the row's number, which is the order they
 * were written in and what the index is sorted by: no more rows are read than it takes.
 */
const LIMITING_USE = `(SELECT u.used_at FROM refresh_token u WHERE u.session_id = t.session_id ORDER BY u.rowid DESC LIMIT 1 OFFSET ?4)`;
/** A use that a wrong clock has dated ahead of now holds up nobody. */
const IS_TOO_OFTEN = `coalesce(${LIMITING_USE} BETWEEN ?2 - ?5 + 1 AND ?2, FALSE)`;

const USE_TOKEN = `UPDATE refresh_token AS t SET used_at = ?2, used_by = ?6 WHERE t.hash = ?1 AND ${IS_GOOD} AND NOT ${IS_TOO_OFTEN}`;
const NEXT_TOKEN = `
  INSERT INTO refresh_token (hash, session_id, issued_at, expires_at)
  SELECT ?3, s.id, ?4, min(?5, s.created_at + ?6) FROM refresh_token t JOIN session s ON s.id = t.session_id
  WHERE t.hash = ?1 AND t.used_by = ?2`;
const EXTEND_SESSION = `
  UPDATE session SET expires_at = min(?3, created_at + ?4)
  WHERE id = (SELECT session_id FROM refresh_token WHERE hash = ?1 AND used_by = ?2)`;
const END_REUSED_FAMILY = revokeSessionsSql(
  "reuse",
  "id = (SELECT session_id FROM refresh_token WHERE hash = ?2 AND used_at IS NOT NULL AND used_by <> ?3)",
);
const TRADED = `
  SELECT s.id AS sessionId, a.id AS userId, a.roles AS roles
  FROM refresh_token t JOIN session s ON s.id = t.session_id JOIN account a ON a.id = s.account_id
  WHERE t.hash = ?1 AND t.used_by = ?2`;
const TOO_OFTEN = `
  SELECT ${LIMITING_USE} + ?5 - ?2 AS retryAfterMs FROM refresh_token t WHERE t.hash = ?1 AND ${IS_GOOD} AND ${IS_TOO_OFTEN}`;

const tooOftenSchema = z.object({ retryAfterMs: z.int().min(1) });

/**
 * The trade of refresh tokens in D1, one batch: the token is marked with the attempt's name if it
 * is good and its session wasn't refreshed too often, and everything after asks whose name is on
 * it. So of two attempts at once one wins, and the other finds a used token and ends the family.
 */
export function d1Trades(db: D1Database): Pick<SessionStore, "rotate"> {
  return {
    async rotate({ presentedHash, nextHash, attemptId, nowMs, expiresAtMs, ageMsMax, limit }: Rotation) {
      const asked = [presentedHash, nowMs, ageMsMax, limit.limit, limit.windowMs] as const;
      const results = await d1Batch("trade a refresh token", db, [
        db.prepare(USE_TOKEN).bind(...asked, attemptId),
        db.prepare(NEXT_TOKEN).bind(presentedHash, attemptId, nextHash, nowMs, expiresAtMs, ageMsMax),
        db.prepare(EXTEND_SESSION).bind(presentedHash, attemptId, expiresAtMs, ageMsMax),
        db.prepare(END_REUSED_FAMILY).bind(nowMs, presentedHash, attemptId),
        db.prepare(TRADED).bind(presentedHash, attemptId),
        db.prepare(TOO_OFTEN).bind(...asked),
      ]);
      const subject = subjectIn(results, 4);
      if (subject !== null) return { kind: "traded", subject };
      const [row] = rowsOf(results, 5);
      return row === undefined ? { kind: "refused" } : { kind: "too often", ...tooOftenSchema.parse(row) };
    },
  };
}
