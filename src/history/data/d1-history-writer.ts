import type { Clock } from "../../resilience/clock.ts";
import type { HistoryWriter } from "../biz/ports.ts";
import type { HistoryRecord } from "../biz/record.ts";
import { d1Error } from "../../platform/platform-errors.ts";

/** Of an older release there may be zeros in the place of durations that were not known. */
const KNOWN_DURATION = "nullif(history.duration_ms, 0)";
const IS_NEWER = "(excluded.at, excluded.rev) > (history.at, history.rev)";
const KNOWS_MORE = `(${KNOWN_DURATION} IS NULL AND excluded.duration_ms IS NOT NULL)`;
const ofNewer = (column: string): string =>
  `${column} = CASE WHEN ${IS_NEWER} THEN excluded.${column} ELSE history.${column} END`;

/*
 * One statement and one bound parameter for thousands of records: rows as arrays in a JSON array.
 * `WHERE true` style conditions are needed before ON CONFLICT, or SQLite takes it for a join. The
 * guard makes a late, repeated or reordered write change nothing and cost nothing: rows that lose
 * are not written, unless they know a duration that the row doesn't. What two records become is
 * `mergeRecords` of biz/record.ts.
 */
export const UPSERT = `
  INSERT INTO history (user_id, kind, item_id, position_ms, duration_ms, event, device_id, at, rev)
  SELECT r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, nullif(r.value ->> 4, 0), r.value ->> 5, r.value ->> 6, r.value ->> 7, r.value ->> 8
  FROM json_each(?1) AS r
  WHERE NOT EXISTS (
    SELECT 1 FROM history_user AS u WHERE u.user_id = r.value ->> 0 AND (u.erased = 1 OR r.value ->> 7 <= u.cleared_before)
  )
  ON CONFLICT (user_id, kind, item_id) DO UPDATE SET
    ${["position_ms", "event", "device_id", "at", "rev"].map(ofNewer).join(",\n    ")},
    duration_ms = CASE WHEN ${IS_NEWER} THEN coalesce(excluded.duration_ms, ${KNOWN_DURATION}) ELSE excluded.duration_ms END
  WHERE ${IS_NEWER} OR ${KNOWS_MORE}`;

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

/** What {@link UPSERT} is bound to. */
export function upsertParameter(records: readonly HistoryRecord[]): string {
  return JSON.stringify(records.map(rowOf));
}

/** The columns of {@link UPSERT}, in their order. */
function rowOf(record: HistoryRecord): readonly (string | number | null)[] {
  const { userId, kind, itemId, positionMs, durationMs, event, deviceId, atMs, rev } = record;
  return [userId, kind, itemId, positionMs, durationMs, event, deviceId, atMs, rev];
}
