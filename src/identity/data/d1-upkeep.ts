import * as z from "zod";
import { REVOCATION_RELEVANT_MS } from "../biz/lifetimes.ts";
import type { IdentityCounts, Pruning } from "../biz/ports.ts";
import { d1Batch, d1Call } from "../../platform/d1-call.ts";

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

const COUNTS = `SELECT
  (SELECT count(*) FROM account) AS accounts,
  (SELECT count(*) FROM session WHERE revoked_at IS NULL AND expires_at > ?1) AS activeSessions,
  (SELECT count(*) FROM erasure WHERE done_at IS NULL) AS erasuresPending,
  (SELECT count(*) FROM signing_key WHERE verify_until IS NULL OR verify_until > ?1) AS signingKeys`;
const countsSchema = z.object({
  accounts: z.int(),
  activeSessions: z.int(),
  erasuresPending: z.int(),
  signingKeys: z.int(),
});

/** Looking over the whole database: what it holds, what may go, and whether it answers. */
export function d1Upkeep(db: D1Database): Pruning & IdentityCounts & { ping(): Promise<void> } {
  return {
    async pruneBatch(nowMs) {
      const revokedBeforeMs = nowMs - REVOCATION_RELEVANT_MS;
      const results = await d1Batch("prune what has expired", db, [
        db.prepare(PRUNE_EXPIRED_TOKENS).bind(nowMs, ROWS_PER_STATEMENT_MAX),
        db.prepare(PRUNE_TOKENS_OF_DEAD).bind(nowMs, ROWS_PER_STATEMENT_MAX, revokedBeforeMs),
        db.prepare(PRUNE_DEAD_SESSIONS).bind(nowMs, ROWS_PER_STATEMENT_MAX, revokedBeforeMs),
        db.prepare(PRUNE_KEYS).bind(nowMs),
      ]);
      return results.reduce((sum, { meta }) => sum + meta.changes, 0);
    },

    async count(nowMs) {
      return countsSchema.parse(
        await d1Call("count what identity holds", () => db.prepare(COUNTS).bind(nowMs).first()),
      );
    },

    async ping() {
      await d1Call("reach the identity database", () => db.prepare("SELECT 1").first());
    },
  };
}
