import { and, asc, gte, isNotNull } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { NewSession, SessionStore } from "../biz/ports.ts";
import { d1Batch, d1Call, gaveRow } from "../../platform/database/d1-call.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { revokeSessionsSql } from "./revoke-sessions.ts";
import { session } from "./schema.ts";
import { subjectIn } from "./session-subject.ts";

const OPEN_SESSION = namedSql(`
  INSERT INTO session (id, account_id, created_at, expires_at, token_seed, token_kid, generation)
  SELECT :sessionId, id, :nowMs, :expiresAtMs, :seed, :keyId, 0 FROM account WHERE id = :userId AND password_hash = :knownHash`);
const OPENED = namedSql(`
  SELECT s.id AS sessionId, a.id AS userId, a.roles AS roles, a.cell AS cell
  FROM session s JOIN account a ON a.id = s.account_id WHERE s.id = :sessionId`);

const END_SESSION = namedSql(revokeSessionsSql("logout", "id = :sessionId AND account_id = :userId"));
const ACCOUNT_EXISTS = namedSql("SELECT 1 FROM account WHERE id = :userId");

/**
 * Sessions in D1: how they begin and end. What happens in between is the trade of refresh tokens, a
 * file of its own, and for those of the kind before another.
 */
export function d1Sessions(db: D1Database): Omit<SessionStore, "rotate" | "exchange"> {
  const orm = drizzle(db);
  return {
    async open(fresh: NewSession) {
      const statements = boundAll(db, [OPEN_SESSION, OPENED], fresh);
      return subjectIn(await d1Batch("open a session", db, statements), 1)?.roles ?? null;
    },

    async end(userId, sessionId, nowMs) {
      const statements = boundAll(db, [END_SESSION, ACCOUNT_EXISTS], { userId, sessionId, nowMs });
      return gaveRow(await d1Batch("end a session", db, statements), 1);
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
