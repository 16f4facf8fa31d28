import type { Clock } from "../../resilience/clock.ts";
import type { RejectedRow, RejectedStore } from "../biz/ports.ts";
import { d1Error } from "../../platform/platform-errors.ts";
import { REASON_LENGTH_MAX, UPSERT, upsertParameter } from "./d1-history-writer.ts";

const COLUMNS =
  "r.user_id AS userId, r.kind, r.item_id AS itemId, r.rev, r.rejected_at AS rejectedAtMs, r.reason, r.record";
const ORDER = "r.rejected_at DESC, r.user_id DESC, r.kind DESC, r.item_id DESC, r.rev DESC";

/** 1 limit. */
const NEWEST = `SELECT ${COLUMNS} FROM history_rejected AS r ORDER BY ${ORDER} LIMIT ?1`;
/** 1 limit, 2… position. */
const NEWEST_FROM = `
  SELECT ${COLUMNS} FROM history_rejected AS r
  WHERE (r.rejected_at, r.user_id, r.kind, r.item_id, r.rev) <= (?2, ?3, ?4, ?5, ?6) ORDER BY ${ORDER} LIMIT ?1`;
/** 1 limit. */
const OLDEST = `SELECT ${COLUMNS} FROM history_rejected AS r ORDER BY ${ORDER.replaceAll(" DESC", "")} LIMIT ?1`;
/** 1 [[user, kind, item, rev]…]. */
const FIND = `
  SELECT ${COLUMNS} FROM json_each(?1) AS k CROSS JOIN history_rejected AS r
  ON r.user_id = k.value ->> 0 AND r.kind = k.value ->> 1 AND r.item_id = k.value ->> 2 AND r.rev = k.value ->> 3`;
/** The row as it was read: one that has got a duration since is written by the next run. */
const REMOVE =
  "DELETE FROM history_rejected WHERE user_id = ?1 AND kind = ?2 AND item_id = ?3 AND rev = ?4 AND record = ?5";
/** Says it of a row that is there, and makes none. */
const REFUSED_AGAIN = `
  UPDATE history_rejected SET reason = ?5, rejected_at = ?6 WHERE user_id = ?1 AND kind = ?2 AND item_id = ?3 AND rev = ?4`;

/** What one D1 database has set aside. */
export function d1Rejected(db: D1Database, now: Clock): RejectedStore {
  const rows = async (
    what: string,
    query: string,
    ...values: readonly unknown[]
  ): Promise<readonly RejectedRow[]> =>
    wrapped(
      what,
      async () =>
        (
          await db
            .prepare(query)
            .bind(...values)
            .all<RejectedRow>()
        ).results,
    );
  return {
    newest: (from, limit) =>
      from === null
        ? rows("list rejected records", NEWEST, limit)
        : rows(
            "list rejected records",
            NEWEST_FROM,
            limit,
            from.rejectedAtMs,
            from.userId,
            from.kind,
            from.itemId,
            from.rev,
          ),
    oldest: (limit) => rows("list the oldest rejected records", OLDEST, limit),
    find: (keys) =>
      rows(
        "find rejected records",
        FIND,
        JSON.stringify(keys.map(({ userId, kind, itemId, rev }) => [userId, kind, itemId, rev])),
      ),

    write: ({ userId, kind, itemId, rev, record: asRead }, record) =>
      wrapped("write a rejected record", async () => {
        await db.batch([
          db.prepare(UPSERT).bind(upsertParameter([record])),
          db.prepare(REMOVE).bind(userId, kind, itemId, rev, asRead),
        ]);
      }),

    refusedAgain: ({ userId, kind, itemId, rev }, reason) =>
      wrapped("keep a record rejected", async () => {
        await db
          .prepare(REFUSED_AGAIN)
          .bind(userId, kind, itemId, rev, reason.slice(0, REASON_LENGTH_MAX), now())
          .run();
      }),
  };
}

async function wrapped<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw d1Error(cause, what);
  }
}
