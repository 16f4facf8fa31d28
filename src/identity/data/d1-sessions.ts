import { and, asc, gte, isNotNull } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { NewSession, SessionStore } from "../biz/ports.ts";
import { d1Batch, d1Call, gaveRow } from "../../platform/d1-call.ts";
import { revokeSessionsSql } from "./revoke-sessions.ts";
import { session } from "./schema.ts";
import { subjectIn } from "./session-subject.ts";

const OPEN_SESSION = `
  INSERT INTO session (id, account_id, created_at, expires_at)
  SELECT ?1, id, ?4, ?5 FROM account WHERE id = ?2 AND password_hash = ?3`;
const FIRST_TOKEN = `
  INSERT INTO refresh_token (hash, session_id, issued_at, expires_at)
  SELECT ?2, id, created_at, expires_at FROM session WHERE id = ?1`;
const OPENED = `
  SELECT s.id AS sessionId, a.id AS userId, a.roles AS roles FROM session s JOIN account a ON a.id = s.account_id WHERE s.id = ?1`;

const END_SESSION = revokeSessionsSql("logout", "id = ?3 AND account_id = ?2");
const ACCOUNT_EXISTS = "SELECT 1 FROM account WHERE id = ?1";

/**
 * Sessions in D1: how they begin and end. What happens in between is the trade of refresh tokens, a
 * file of its own.
 */
export function d1Sessions(db: D1Database): Omit<SessionStore, "rotate"> {
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
      return rows.flatMap(({ sessionId, revokedAtMs }) =>
        revokedAtMs === null ? [] : [{ sessionId, revokedAtMs }],
      );
    },
  };
}
