import { d1Error } from "../../platform/database/platform-errors.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import type { HistoryReader } from "../biz/ports.ts";
import type { HistoryRecord } from "../biz/record.ts";
import { columnsOf, RECORD_FIELDS } from "./record-fields.ts";

const NEWEST = namedSql(
  `SELECT ${columnsOf(RECORD_FIELDS)} FROM history WHERE user_id = :userId ORDER BY at DESC, rev DESC LIMIT :limit`,
);

/** Reads users' entries from the databases that hold them. */
export function d1HistoryReader(
  databases: readonly D1Database[],
  databaseOf: (userId: string) => number,
): HistoryReader {
  return {
    async newestOf(userId, limit) {
      try {
        const db = databases[databaseOf(userId)];
        if (db === undefined) throw new RangeError(`there is no database ${databaseOf(userId)}`);
        const rows = await bound(db, NEWEST, { userId, limit }).raw<readonly unknown[]>();
        return rows.map(recordOf);
      } catch (cause) {
        throw d1Error(cause, "read a user's history");
      }
    },
  };
}

function recordOf(row: readonly unknown[]): HistoryRecord {
  const record: Partial<Record<keyof HistoryRecord, unknown>> = {};
  for (const [index, field] of RECORD_FIELDS.entries()) record[field] = row[index];
  return record as HistoryRecord;
}
