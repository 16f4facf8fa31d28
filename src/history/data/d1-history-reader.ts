import { d1Error } from "../../platform/database/platform-errors.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import type { HistoryReader } from "../biz/ports.ts";
import { recordIn, SELECTED } from "./record-fields.ts";

const NEWEST = namedSql(
  `SELECT ${SELECTED} FROM history WHERE user_id = :userId ORDER BY at DESC, rev DESC LIMIT :limit`,
);
/** Items are arrays in a JSON array: kind, item. Each is a look-up. */
const FIND = namedSql(`
  SELECT ${SELECTED} FROM json_each(:items) AS i CROSS JOIN history
  ON history.user_id = :userId AND history.kind = i.value ->> 0 AND history.item_id = i.value ->> 1`);

/** Reads users' entries. `databaseOf` is a user's database; it throws where that can't be had. */
export function d1HistoryReader(databaseOf: (userId: string) => D1Database): HistoryReader {
  return {
    async newestOf(userId, limit) {
      try {
        const rows = await bound(databaseOf(userId), NEWEST, { userId, limit }).raw<readonly unknown[]>();
        return rows.map(recordIn);
      } catch (cause) {
        throw d1Error(cause, "read a user's history");
      }
    },

    async find(userId, items) {
      try {
        const keys = JSON.stringify(items.map(({ kind, itemId }) => [kind, itemId]));
        const rows = await bound(databaseOf(userId), FIND, { userId, items: keys }).raw<readonly unknown[]>();
        return rows.map(recordIn);
      } catch (cause) {
        throw d1Error(cause, "find items of a user's history");
      }
    },
  };
}
