import { and, asc, gte, isNotNull } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import * as z from "zod";
import type { NewSession, Rotation, SessionStore } from "../biz/ports.ts";
import { isRole } from "../../contracts/permissions.ts";
import { d1Batch, d1Call, gaveRow } from "../../platform/d1-call.ts";
import { revokeSessionsSql } from "./revoke-sessions.ts";
import { session } from "./schema.ts";

const OPEN_SESSION = `
  INSERT INTO session (id, account_id, created_at, expires_at)
  SELECT ?1, id, ?4, ?5 FROM account WHERE id = ?2 AND password_hash = ?3`;
const FIRST_TOKEN = `
  INSERT INTO refresh_token (hash, session_id, issued_at, expires_at)
  SELECT ?2, id, created_at, expires_at FROM session WHERE id = ?1`;
const OPENED = `
  SELECT s.id AS sessionId, a.id AS userId, a.roles AS roles FROM session s JOIN account a ON a.id = s.account_id WHERE s.id = ?1`;

const USE_TOKEN = `
  UPDATE refresh_token SET used_at = ?2, used_by = ?3
  WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2 AND EXISTS (
    SELECT 1 FROM session s JOIN account a ON a.id = s.account_id
    WHERE s.id = refresh_token.session_id AND s.revoked_at IS NULL AND s.expires_at > ?2)`;
const NEXT_TOKEN = `
  INSERT INTO refresh_token (hash, session_id, issued_at, expires_at)
  SELECT ?3, session_id, ?4, ?5 FROM refresh_token WHERE hash = ?1 AND used_by = ?2`;
const EXTEND_SESSION = `
  UPDATE session SET expires_at = ?3 WHERE id = (SELECT session_id FROM refresh_token WHERE hash = ?1 AND used_by = ?2)`;
const END_REUSED_FAMILY = revokeSessionsSql(
  "reuse",
  "id = (SELECT session_id FROM refresh_token WHERE hash = ?2 AND used_at IS NOT NULL AND used_by <> ?3)",
);
const TRADED = `
  SELECT s.id AS sessionId, a.id AS userId, a.roles AS roles
  FROM refresh_token t JOIN session s ON s.id = t.session_id JOIN account a ON a.id = s.account_id
  WHERE t.hash = ?1 AND t.used_by = ?2`;

const END_SESSION = revokeSessionsSql("logout", "id = ?3 AND account_id = ?2");
const ACCOUNT_EXISTS = "SELECT 1 FROM account WHERE id = ?1";

/** A row of {@link OPENED} and {@link TRADED}. Roles this version doesn't know are left out: they grant nothing. */
const subjectSchema = z.object({
  sessionId: z.string(),
  userId: z.string(),
  roles: z.string().transform((json) => z.array(z.string()).parse(JSON.parse(json)).filter(isRole)),
});

function subjectIn(results: readonly D1Result[], index: number) {
  const row = results[index]?.results[0];
  return row === undefined ? null : subjectSchema.parse(row);
}

/**
 * Sessions in D1. A trade of a refresh token is one batch: the token is marked with the attempt's name if it is good, and everything after
 * asks whose name is on it. So of two attempts at once one wins, and the other finds a used token and ends the family.
 */
export function d1Sessions(db: D1Database): SessionStore {
  const orm = drizzle(db);
  return {
    async open({ sessionId, userId, knownHash, refreshHash, nowMs, expiresAtMs }: NewSession) {
      const results = await d1Batch("open a session", db, [
        db.prepare(OPEN_SESSION).bind(sessionId, userId, knownHash, nowMs, expiresAtMs),
        db.prepare(FIRST_TOKEN).bind(sessionId, refreshHash),
        db.prepare(OPENED).bind(sessionId),
      ]);
      return subjectIn(results, 2)?.roles ?? null;
    },

    async rotate({ presentedHash, nextHash, attemptId, nowMs, expiresAtMs }: Rotation) {
      const results = await d1Batch("trade a refresh token", db, [
        db.prepare(USE_TOKEN).bind(presentedHash, nowMs, attemptId),
        db.prepare(NEXT_TOKEN).bind(presentedHash, attemptId, nextHash, nowMs, expiresAtMs),
        db.prepare(EXTEND_SESSION).bind(presentedHash, attemptId, expiresAtMs),
        db.prepare(END_REUSED_FAMILY).bind(nowMs, presentedHash, attemptId),
        db.prepare(TRADED).bind(presentedHash, attemptId),
      ]);
      return subjectIn(results, 4);
    },

    async end(userId, sessionId, nowMs) {
      const results = await d1Batch("end a session", db, [
        db.prepare(END_SESSION).bind(nowMs, userId, sessionId),
        db.prepare(ACCOUNT_EXISTS).bind(userId),
      ]);
      return gaveRow(results, 1);
    },

    async revokedSince(sinceMs, limit) {
      const rows = await d1Call("read the revocation list", () =>
        orm
          .select({ sessionId: session.id, revokedAtMs: session.revokedAtMs })
          .from(session)
          .where(and(isNotNull(session.revokedAtMs), gte(session.revokedAtMs, sinceMs)))
          .orderBy(asc(session.revokedAtMs))
          .limit(limit),
      );
      return rows.flatMap(({ sessionId, revokedAtMs }) => (revokedAtMs === null ? [] : [{ sessionId, revokedAtMs }]));
    },
  };
}
