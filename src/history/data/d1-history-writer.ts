import type { Clock } from "../../resilience/clock.ts";
import type { HistoryWriter } from "../biz/ports.ts";
import { d1Error } from "./d1-errors.ts";
import { UPSERT, upsertParameter } from "./record-upsert.ts";

/*
 * A record that was collected before its user was erased must not be kept after it. Only a
 * repetition is passed over, unless it knows a duration that the one before did not: anything else
 * that is wrong with the row must be heard, or a record would be confirmed that is nowhere.
 */
const REJECT = `
  INSERT INTO history_rejected (user_id, kind, item_id, rev, record, reason, rejected_at)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
  WHERE NOT EXISTS (SELECT 1 FROM history_user AS u WHERE u.user_id = ?1 AND u.erased = 1)
  ON CONFLICT (user_id, kind, item_id, rev) DO UPDATE SET record = excluded.record
  WHERE json_valid(history_rejected.record) AND nullif(history_rejected.record ->> 'durationMs', 0) IS NULL
    AND excluded.record ->> 'durationMs' IS NOT NULL`;

const TRIM = `
  DELETE FROM history WHERE (user_id, kind, item_id) IN (
    SELECT user_id, kind, item_id FROM (
      SELECT user_id, kind, item_id, row_number() OVER (PARTITION BY user_id ORDER BY at DESC, rev DESC) AS place
      FROM history WHERE user_id IN (SELECT value FROM json_each(?1))
    ) WHERE place > ?2
  )`;

export const REASON_LENGTH_MAX = 500;

/** Writes one D1 database in bulk. */
export function d1HistoryWriter(db: D1Database, now: Clock): HistoryWriter {
  return {
    async upsert(records) {
      try {
        await db.prepare(UPSERT).bind(upsertParameter(records)).run();
      } catch (cause) {
        throw d1Error(cause, "write history records");
      }
    },

    async reject(record, reason) {
      try {
        await db
          .prepare(REJECT)
          .bind(
            record.userId,
            record.kind,
            record.itemId,
            record.rev,
            JSON.stringify(record),
            reason.slice(0, REASON_LENGTH_MAX),
            now(),
          )
          .run();
      } catch (cause) {
        throw d1Error(cause, "set a rejected record aside");
      }
    },

    async trim(userIds, keep) {
      try {
        await db.prepare(TRIM).bind(JSON.stringify(userIds), keep).run();
      } catch (cause) {
        throw d1Error(cause, "trim histories");
      }
    },
  };
}
