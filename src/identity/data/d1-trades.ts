import * as z from "zod";
import type { Rotation, SessionStore } from "../biz/ports.ts";
import { d1Batch, rowsOf } from "../../platform/database/d1-call.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { revokeSessionsSql } from "./revoke-sessions.ts";
import { subjectIn } from "./session-subject.ts";

/**
 * Whether a token `t` may be traded. A session ends by its age too, whoever has extended it: by
 * when it was made, a release that knew no age as well.
 */
const IS_GOOD = `
  t.used_at IS NULL AND t.expires_at > :nowMs AND EXISTS (
    SELECT 1 FROM session s JOIN account a ON a.id = s.account_id
    WHERE s.id = t.session_id AND s.revoked_at IS NULL AND s.expires_at > :nowMs AND s.created_at + :ageMsMax > :nowMs)`;
/**
 * When the token was used that was the newest but `:limit`: each token but the newest is a refresh,
 * so the sessions' tokens are the log of their refreshes. By the row's number, which is the order
 * they were written in and what the index is sorted by: no more rows are read than it takes.
 */
const LIMITING_USE = `(
  SELECT u.used_at FROM refresh_token u WHERE u.session_id = t.session_id ORDER BY u.rowid DESC LIMIT 1 OFFSET :limit)`;
/** A use that a wrong clock has dated ahead of now holds up nobody. */
const IS_TOO_OFTEN = `coalesce(${LIMITING_USE} BETWEEN :nowMs - :windowMs + 1 AND :nowMs, FALSE)` as const;

const USE_TOKEN = namedSql(`
  UPDATE refresh_token AS t SET used_at = :nowMs, used_by = :attemptId
  WHERE t.hash = :presentedHash AND ${IS_GOOD} AND NOT ${IS_TOO_OFTEN}`);
const NEXT_TOKEN = namedSql(`
  INSERT INTO refresh_token (hash, session_id, issued_at, expires_at)
  SELECT :nextHash, s.id, :nowMs, min(:expiresAtMs, s.created_at + :ageMsMax)
  FROM refresh_token t JOIN session s ON s.id = t.session_id
  WHERE t.hash = :presentedHash AND t.used_by = :attemptId`);
const EXTEND_SESSION = namedSql(`
  UPDATE session SET expires_at = min(:expiresAtMs, created_at + :ageMsMax)
  WHERE id = (SELECT session_id FROM refresh_token WHERE hash = :presentedHash AND used_by = :attemptId)`);
const END_REUSED_FAMILY = namedSql(
  revokeSessionsSql(
    "reuse",
    `id = (
      SELECT session_id FROM refresh_token
      WHERE hash = :presentedHash AND used_at IS NOT NULL AND used_by <> :attemptId)`,
  ),
);
const TRADED = namedSql(`
  SELECT s.id AS sessionId, a.id AS userId, a.roles AS roles
  FROM refresh_token t JOIN session s ON s.id = t.session_id JOIN account a ON a.id = s.account_id
  WHERE t.hash = :presentedHash AND t.used_by = :attemptId`);
const TOO_OFTEN = namedSql(`
  SELECT ${LIMITING_USE} + :windowMs - :nowMs AS retryAfterMs
  FROM refresh_token t WHERE t.hash = :presentedHash AND ${IS_GOOD} AND ${IS_TOO_OFTEN}`);
const TRADE = [USE_TOKEN, NEXT_TOKEN, EXTEND_SESSION, END_REUSED_FAMILY, TRADED, TOO_OFTEN] as const;

const tooOftenSchema = z.object({ retryAfterMs: z.int().min(1) });

/**
 * The trade of refresh tokens in D1, one batch: the token is marked with the attempt's name if it
 * is good and its session wasn't refreshed too often, and everything after asks whose name is on
 * it. So of two attempts at once one wins, and the other finds a used token and ends the family.
 */
export function d1Trades(db: D1Database): Pick<SessionStore, "rotate"> {
  return {
    async rotate({ limit, ...rotation }: Rotation) {
      const statements = boundAll(db, TRADE, { ...rotation, ...limit });
      const results = await d1Batch("trade a refresh token", db, statements);
      const subject = subjectIn(results, 4);
      if (subject !== null) return { kind: "traded", subject };
      const [row] = rowsOf(results, 5);
      return row === undefined ? { kind: "refused" } : { kind: "too often", ...tooOftenSchema.parse(row) };
    },
  };
}
