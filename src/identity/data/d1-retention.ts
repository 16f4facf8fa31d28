import { REVOCATION_RELEVANT_MS } from "../biz/lifetimes.ts";
import type { Retention } from "../biz/ports.ts";
import { d1Batch } from "../../platform/database/d1-call.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";

/** Rows one statement of a pruning batch deletes at most. */
const ROWS_PER_STATEMENT_MAX = 500;

const PRUNE_EXPIRED_TOKENS = namedSql(`
  DELETE FROM refresh_token WHERE hash IN (
    SELECT hash FROM refresh_token WHERE expires_at <= :nowMs LIMIT :rowsMax)`);
/**
 * The sessions that have been over for longest, a bounded number of them whatever is dead: both
 * statements look at the same ones. A revoked session stays until the last of its access tokens has
 * expired: gateways must be able to learn of it.
 */
const DEAD = `(
  SELECT id FROM (SELECT id FROM session WHERE expires_at <= :nowMs ORDER BY expires_at LIMIT :rowsMax)
  UNION SELECT id FROM (
    SELECT id FROM session WHERE revoked_at <= :revokedBeforeMs ORDER BY revoked_at LIMIT :rowsMax))`;
/**
 * CROSS JOIN keeps the order of the tables: from the few dead sessions to their tokens, never
 * through all tokens.
 */
const PRUNE_TOKENS_OF_DEAD = namedSql(`
  DELETE FROM refresh_token WHERE hash IN (
    SELECT t.hash FROM ${DEAD} s CROSS JOIN refresh_token t ON t.session_id = s.id LIMIT :rowsMax)`);
const PRUNE_DEAD_SESSIONS = namedSql(`
  DELETE FROM session WHERE id IN (
    SELECT s.id FROM ${DEAD} s WHERE NOT EXISTS (SELECT 1 FROM refresh_token t WHERE t.session_id = s.id))`);
const PRUNE_KEYS = namedSql("DELETE FROM signing_key WHERE verify_until <= :nowMs");
const PRUNING = [PRUNE_EXPIRED_TOKENS, PRUNE_TOKENS_OF_DEAD, PRUNE_DEAD_SESSIONS, PRUNE_KEYS] as const;

/** What has expired: tokens, sessions and keys. */
export function d1Retention(db: D1Database): Retention {
  return {
    what: "what has expired",

    async prune(nowMs) {
      const revokedBeforeMs = nowMs - REVOCATION_RELEVANT_MS;
      const values = { nowMs, rowsMax: ROWS_PER_STATEMENT_MAX, revokedBeforeMs };
      const results = await d1Batch("prune what has expired", db, boundAll(db, PRUNING, values));
      return results.some(({ meta }) => meta.changes > 0);
    },
  };
}
