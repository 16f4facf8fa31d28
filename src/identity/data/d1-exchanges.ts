import * as z from "zod";
import type { Exchange, SessionStore } from "../biz/ports.ts";
import { d1Batch, rowsOf } from "../../platform/database/d1-call.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { revokeSessionsSql } from "./revoke-sessions.ts";
import { DATABASE_NOW_MS, EXTENDED, IN_LEEWAY, SESSION_LIVES } from "./session-lives.ts";
import { subjectIn } from "./session-subject.ts";

/** The name on a token that was traded for one of this kind, in the place of an attempt's. */
const EXCHANGED = "t.used_by = 'v1'";
/** What it was traded for is still its session's newest, and was made a moment ago. */
const IS_RETRY = `s.generation = 1 AND ${IN_LEEWAY}` as const;

const END_REUSED_FAMILY = namedSql(
  revokeSessionsSql(
    "reuse",
    `id = (
      SELECT t.session_id FROM refresh_token t JOIN session s ON s.id = t.session_id
      WHERE t.hash = :presentedHash AND t.used_at IS NOT NULL AND NOT (${EXCHANGED} AND ${IS_RETRY}))`,
  ),
);
const BEGIN = namedSql(`
  UPDATE session AS s SET token_seed = :seed, token_kid = :nextKeyId, generation = 1,
    rotated_at = ${DATABASE_NOW_MS}, rotations = json_array(CAST(:nowMs AS INTEGER)), expires_at = ${EXTENDED}
  WHERE s.id = (
    SELECT session_id FROM refresh_token WHERE hash = :presentedHash AND used_at IS NULL AND expires_at > :nowMs)
  AND ${SESSION_LIVES}`);
const USE_TOKEN = namedSql(`
  UPDATE refresh_token SET used_at = :nowMs, used_by = 'v1' WHERE hash = :presentedHash AND used_at IS NULL
  AND EXISTS (SELECT 1 FROM session s WHERE s.id = session_id AND s.token_seed = :seed)`);
const READ = namedSql(`
  SELECT s.id AS sessionId, a.id AS userId, a.roles AS roles, a.cell AS cell,
    s.generation AS generation, s.token_kid AS keyId, s.token_seed AS seed
  FROM refresh_token t JOIN session s ON s.id = t.session_id JOIN account a ON a.id = s.account_id
  WHERE t.hash = :presentedHash AND ${EXCHANGED} AND (s.token_seed = :seed OR (${IS_RETRY})) AND ${SESSION_LIVES}`);
const EXCHANGE = [END_REUSED_FAMILY, BEGIN, USE_TOKEN, READ] as const;

const readSchema = z.object({ generation: z.int(), keyId: z.string(), seed: z.string() });

/**
 * The trade of a token of the kind before, random and in a table, for its session's first of this
 * one: as a trade is, in one batch. No limit is asked, since a session does it once. The table gets
 * no more rows, and goes when the last of them has expired.
 */
export function d1Exchanges(db: D1Database): Pick<SessionStore, "exchange"> {
  return {
    async exchange(exchange: Exchange) {
      const statements = boundAll(db, EXCHANGE, { ...exchange });
      const results = await d1Batch("trade a refresh token of the kind before", db, statements);
      const subject = subjectIn(results, 3);
      if (subject === null) return { kind: "refused" };
      const next = { sessionId: subject.sessionId, ...readSchema.parse(rowsOf(results, 3)[0]) };
      return { kind: "traded", subject, next };
    },
  };
}
