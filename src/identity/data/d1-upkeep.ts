import * as z from "zod";
import { REVOCATION_RELEVANT_MS } from "../biz/lifetimes.ts";
import type { IdentityCounts, Pruning } from "../biz/ports.ts";
import { d1Batch, d1Call } from "../../platform/d1-call.ts";
import { bound, boundAll, namedSql } from "../../platform/named-sql.ts";

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

const COUNTS = namedSql(`SELECT
  (SELECT count(*) FROM account) AS accounts,
  (SELECT count(*) FROM session WHERE revoked_at IS NULL AND expires_at > :nowMs) AS activeSessions,
  (SELECT count(*) FROM erasure WHERE done_at IS NULL) AS erasuresPending,
  (SELECT count(*) FROM signing_key WHERE verify_until IS NULL OR verify_until > :nowMs) AS signingKeys`);
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
      const values = { nowMs, rowsMax: ROWS_PER_STATEMENT_MAX, revokedBeforeMs };
      const results = await d1Batch("prune what has expired", db, boundAll(db, PRUNING, values));
      return results.reduce((sum, { meta }) => sum + meta.changes, 0);
    },

    async count(nowMs) {
      return countsSchema.parse(
        await d1Call("count what identity holds", () => bound(db, COUNTS, { nowMs }).first()),
      );
    },

    async ping() {
      await d1Call("reach the identity database", () => db.prepare("SELECT 1").first());
    },
  };
}
