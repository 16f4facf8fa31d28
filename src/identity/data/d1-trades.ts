import * as z from "zod";
import { CLOCK_SKEW_MS } from "../biz/lifetimes.ts";
import type { Rotation, SessionStore } from "../biz/ports.ts";
import { d1Batch, gaveRow, rowsOf } from "../../platform/database/d1-call.ts";
import { boundAll, namedSql } from "../../platform/database/named-sql.ts";
import { revokeSessionsSql } from "./revoke-sessions.ts";
import { DATABASE_NOW_MS, EXTENDED, IN_LEEWAY, SESSION_LIVES } from "./session-lives.ts";
import { subjectIn } from "./session-subject.ts";

/** Times of trades that a row holds at most, as many as count against the limit, oldest first. */
const TIMES_MAX = 10;
/**
 * When the trade was that is the newest but so many. One that a wrong clock has dated ahead of now
 * holds up nobody.
 */
const LIMITING_TRADE = "json_extract(s.rotations, '$[#-' || CAST(:counted AS INTEGER) || ']')";
const IS_TOO_OFTEN = `coalesce(${LIMITING_TRADE} BETWEEN :nowMs - :windowMs + 1 AND :nowMs, FALSE)` as const;
/**
 * The times with this one, if it is among those that are noted. Begun anew where the last one is no
 * matter any more on any clock: hardly a row holds more than one.
 */
const TIMES = `CASE
  WHEN (generation + 1) % :every <> 0 THEN rotations
  WHEN coalesce(json_extract(rotations, '$[#-1]') >= :nowMs - :windowMs - ${CLOCK_SKEW_MS}, FALSE) THEN json_remove(
    json_insert(rotations, '$[#]', CAST(:nowMs AS INTEGER)),
    iif(json_array_length(rotations) < ${TIMES_MAX}, '$[${TIMES_MAX}]', '$[0]'))
  ELSE json_array(CAST(:nowMs AS INTEGER)) END` as const;

/** By the key of the newest token alone: an older secret, leaked with the table, makes none. */
const IS_NEWEST = "s.generation = :generation AND s.token_kid = :keyId";
/**
 * The newest token is the successor of the presented one, and was so a moment ago. By the key that
 * had made it: an older secret, leaked with the table, would else wait for the next trade.
 */
const IS_RETRY = `s.generation = :generation + 1 AND s.traded_kid IS :keyId AND ${IN_LEEWAY}` as const;

const END_REUSED_FAMILY = namedSql(
  revokeSessionsSql(
    "reuse",
    `id = (
      SELECT s.id FROM session s WHERE s.id = :sessionId AND s.generation > :generation AND NOT (${IS_RETRY}))`,
  ),
);
const RAISE = namedSql(`
  UPDATE session AS s SET generation = generation + 1, token_kid = :nextKeyId, traded_kid = token_kid,
    rotated_at = ${DATABASE_NOW_MS}, rotations = ${TIMES}, expires_at = ${EXTENDED}
  WHERE s.id = :sessionId AND ${IS_NEWEST} AND ${SESSION_LIVES} AND NOT ${IS_TOO_OFTEN} RETURNING id`);
const READ = namedSql(`
  SELECT s.id AS sessionId, a.id AS userId, a.roles AS roles, a.cell AS cell,
    s.generation AS generation, s.token_kid AS keyId, s.token_seed AS seed, ${IS_RETRY} AS isRetry,
    CASE WHEN ${IS_NEWEST} AND ${IS_TOO_OFTEN} THEN ${LIMITING_TRADE} + :windowMs - :nowMs END AS retryAfterMs
  FROM session s JOIN account a ON a.id = s.account_id WHERE s.id = :sessionId AND ${SESSION_LIVES}`);
const TRADE = [END_REUSED_FAMILY, RAISE, READ] as const;

const readSchema = z.object({
  generation: z.int(),
  keyId: z.string(),
  seed: z.string(),
  isRetry: z.int().nullable(),
  retryAfterMs: z.int().nullable(),
});

/**
 * The trade of refresh tokens in D1, one batch: an older token than any that may be presented ends
 * its family, the newest raises the generation if its session lives and wasn't refreshed too often,
 * and what is read then says what came of it. Of two attempts at once one raises, and the other
 * finds the same successor.
 */
export function d1Trades(db: D1Database): Pick<SessionStore, "rotate"> {
  return {
    async rotate({ limit: { limit, windowMs }, ...rotation }: Rotation) {
      // Of a higher limit only each so-maniest trade is noted: ten times are all that a row holds.
      const every = Math.ceil(limit / TIMES_MAX);
      const counted = Math.ceil(limit / every);
      const statements = boundAll(db, TRADE, { ...rotation, windowMs, every, counted });
      const results = await d1Batch("trade a refresh token", db, statements);
      const subject = subjectIn(results, 2);
      if (subject === null) return { kind: "refused" };
      const { isRetry, retryAfterMs, ...newest } = readSchema.parse(rowsOf(results, 2)[0]);
      if (gaveRow(results, 1) || isRetry === 1)
        return { kind: "traded", subject, next: { sessionId: rotation.sessionId, ...newest } };
      return retryAfterMs === null
        ? { kind: "refused" }
        : { kind: "too often", retryAfterMs, seed: newest.seed };
    },
  };
}
