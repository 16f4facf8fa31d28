import { REVOCATION_RELEVANT_MS } from "../biz/lifetimes.ts";
import type { Retention } from "../biz/ports.ts";
import { d1Batch } from "../../platform/d1-call.ts";

/** Rows one statement of a pruning batch deletes at most. */
const ROWS_PER_STATEMENT_MAX = 500;

const PRUNE_EXPIRED_TOKENS = `
  DELETE FROM refresh_token WHERE hash IN (SELECT hash FROM refresh_token WHERE expires_at <= ?1 LIMIT ?2)`;
/**
 * The sessions that have been over for longest, a bounded number of them whatever is dead: both
 * statements look at the same ones. A revoked session stays until the last of its access tokens has
 * expired: gateways must be able to learn of it.
 */
const DEAD = `(
  SELECT id FROM (SELECT id FROM session WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
  UNION SELECT id FROM (SELECT id FROM session WHERE revoked_at <= ?3 ORDER BY revoked_at LIMIT ?2))`;
/**
 * CROSS JOIN keeps the order of the tables: from the few dead sessions to their tokens, never
 * through all tokens.
 */
const PRUNE_TOKENS_OF_DEAD = `
  DELETE FROM refresh_token WHERE hash IN (
    SELECT t.hash FROM ${DEAD} s CROSS JOIN refresh_token t ON t.session_id = s.id LIMIT ?2)`;
const PRUNE_DEAD_SESSIONS = `
  DELETE FROM session WHERE id IN (
    SELECT s.id FROM ${DEAD} s WHERE NOT EXISTS (SELECT 1 FROM refresh_token t WHERE t.session_id = s.id))`;
const PRUNE_KEYS = "DELETE FROM signing_key WHERE verify_until <= ?1";

/** What has expired: tokens, sessions and keys. */
export function d1Retention(db: D1Database): Retention {
  return {
    what: "what has expired",

    async prune(nowMs) {
      const revokedBeforeMs = nowMs - REVOCATION_RELEVANT_MS;
      const results = await d1Batch("prune what has expired", db, [
        db.prepare(PRUNE_EXPIRED_TOKENS).bind(nowMs, ROWS_PER_STATEMENT_MAX),
        db.prepare(PRUNE_TOKENS_OF_DEAD).bind(nowMs, ROWS_PER_STATEMENT_MAX, revokedBeforeMs),
        db.prepare(PRUNE_DEAD_SESSIONS).bind(nowMs, ROWS_PER_STATEMENT_MAX, revokedBeforeMs),
        db.prepare(PRUNE_KEYS).bind(nowMs),
      ]);
      return results.some(({ meta }) => meta.changes > 0);
    },
  };
}
