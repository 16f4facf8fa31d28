import type { Clock } from "../../resilience/clock.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import type { HistoryWriter } from "../biz/ports.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";
import { upsertRecords } from "./record-upsert.ts";

/*
 * A record that was collected before its user was erased must not be kept after it. Only a
 * repetition is passed over, unless it knows a duration that the one before did not: anything else
 * that is wrong with the row must be heard, or a record would be confirmed that is nowhere.
 */
const REJECT = namedSql(`
  INSERT INTO history_rejected (user_id, kind, item_id, rev, record, reason, rejected_at)
  SELECT :userId, :kind, :itemId, :rev, :record, :reason, :nowMs
  WHERE NOT EXISTS (SELECT 1 FROM history_user AS u WHERE u.user_id = :userId AND u.erased = 1)
  ON CONFLICT (user_id, kind, item_id, rev) DO UPDATE SET record = excluded.record
  WHERE json_valid(history_rejected.record) AND nullif(history_rejected.record ->> 'durationMs', 0) IS NULL
    AND excluded.record ->> 'durationMs' IS NOT NULL`);

const TRIM = namedSql(`
  DELETE FROM history WHERE (user_id, kind, item_id) IN (
    SELECT user_id, kind, item_id FROM (
      SELECT user_id, kind, item_id, row_number() OVER (PARTITION BY user_id ORDER BY at DESC, rev DESC) AS place
      FROM history WHERE user_id IN (SELECT value FROM json_each(:userIds))
    ) WHERE place > :keep
  )`);

export const REASON_LENGTH_MAX = 500;

/** Writes one D1 database in bulk. */
export function d1HistoryWriter(db: D1Database, now: Clock): HistoryWriter {
  return {
    async upsert(records) {
      try {
        await upsertRecords(db, records).run();
      } catch (cause) {
        throw d1Error(cause, "write history records");
      }
    },

    async reject(record, reason) {
      try {
        const { userId, kind, itemId, rev } = record;
        await bound(db, REJECT, {
          userId,
          kind,
          itemId,
          rev,
          record: JSON.stringify(record),
          reason: reason.slice(0, REASON_LENGTH_MAX),
          nowMs: now(),
        }).run();
      } catch (cause) {
        throw d1Error(cause, "set a rejected record aside");
      }
    },

    async trim(userIds, keep) {
      try {
        await bound(db, TRIM, { userIds: JSON.stringify(userIds), keep }).run();
      } catch (cause) {
        throw d1Error(cause, "trim histories");
      }
    },
  };
}
