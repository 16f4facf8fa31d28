import { MAIN_CELL } from "../../contracts/cell.ts";
import type { Clock } from "../../resilience/clock.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import type { RejectedRow, RejectedStore } from "../biz/ports.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";
import { REASON_LENGTH_MAX } from "./d1-history-writer.ts";
import { upsertSetAside } from "./record-upsert.ts";

const COLUMNS =
  "r.user_id AS userId, r.kind, r.item_id AS itemId, r.rev, r.rejected_at AS rejectedAtMs, r.reason, r.record";
const NEWEST_FIRST = "r.rejected_at DESC, r.user_id DESC, r.kind DESC, r.item_id DESC, r.rev DESC";
const OLDEST_FIRST = "r.rejected_at, r.user_id, r.kind, r.item_id, r.rev";

const NEWEST = namedSql(`SELECT ${COLUMNS} FROM history_rejected AS r ORDER BY ${NEWEST_FIRST} LIMIT :limit`);
const NEWEST_FROM = namedSql(`
  SELECT ${COLUMNS} FROM history_rejected AS r
  WHERE (${OLDEST_FIRST}) <= (:rejectedAtMs, :userId, :kind, :itemId, :rev) ORDER BY ${NEWEST_FIRST} LIMIT :limit`);
const OLDEST = namedSql(`SELECT ${COLUMNS} FROM history_rejected AS r ORDER BY ${OLDEST_FIRST} LIMIT :limit`);
/** Keys are arrays in a JSON array: user, kind, item, revision. */
const FIND = namedSql(`
  SELECT ${COLUMNS} FROM json_each(:keys) AS k CROSS JOIN history_rejected AS r
  ON r.user_id = k.value ->> 0 AND r.kind = k.value ->> 1 AND r.item_id = k.value ->> 2 AND r.rev = k.value ->> 3`);
const IS_ROW = "user_id = :userId AND kind = :kind AND item_id = :itemId AND rev = :rev";
/** The row as it was read: one that has got a duration since is written by the next run. */
const REMOVE = namedSql(`DELETE FROM history_rejected WHERE ${IS_ROW} AND record = :asRead`);
/** Says it of a row that is there, and makes none. */
const REFUSED_AGAIN = namedSql(
  `UPDATE history_rejected SET reason = :reason, rejected_at = :nowMs WHERE ${IS_ROW}`,
);

/** What one D1 database, the cell's of that number, has set aside. */
export function d1Rejected(
  db: D1Database,
  now: Clock,
  { cell, database }: { readonly cell: string; readonly database: number },
): RejectedStore {
  const rows = (what: string, statement: D1PreparedStatement): Promise<readonly RejectedRow[]> =>
    wrapped(what, async () => (await statement.all<RejectedRow>()).results);
  return {
    ...(cell !== MAIN_CELL && { cell }),
    database,
    newest: (from, limit) =>
      rows(
        "list rejected records",
        from === null ? bound(db, NEWEST, { limit }) : bound(db, NEWEST_FROM, { ...from, limit }),
      ),
    oldest: (limit) => rows("list the oldest rejected records", bound(db, OLDEST, { limit })),
    find: (keys) =>
      rows(
        "find rejected records",
        bound(db, FIND, {
          keys: JSON.stringify(keys.map(({ userId, kind, itemId, rev }) => [userId, kind, itemId, rev])),
        }),
      ),

    write: ({ userId, kind, itemId, rev, record: asRead }, record) =>
      wrapped("write a rejected record", async () => {
        await db.batch([
          upsertSetAside(db, record),
          bound(db, REMOVE, { userId, kind, itemId, rev, asRead }),
        ]);
      }),

    refusedAgain: ({ userId, kind, itemId, rev }, reason) =>
      wrapped("keep a record rejected", async () => {
        await bound(db, REFUSED_AGAIN, {
          userId,
          kind,
          itemId,
          rev,
          reason: reason.slice(0, REASON_LENGTH_MAX),
          nowMs: now(),
        }).run();
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
