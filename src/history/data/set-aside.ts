import { namedSql } from "../../platform/database/named-sql.ts";
import { IS_DELETED, type OfColumns } from "./record-fields.ts";

/** When a record was that is kept as JSON: what says no time is older than anything. */
const AT_SET_ASIDE =
  "CASE WHEN json_valid(r.record) THEN coalesce(r.record ->> 'atMs', 0) ELSE 0 END" as OfColumns;

/*
 * A record that was collected before its user was erased, or it was cleared or deleted, must not be
 * kept after that. Only a repetition is passed over, unless it knows a duration that the one before
 * did not: anything else that is wrong with the row must be heard, or a record would be confirmed
 * that is nowhere.
 */
export const SET_ASIDE = namedSql(`
  INSERT INTO history_rejected (user_id, kind, item_id, rev, record, reason, rejected_at)
  SELECT :userId, :kind, :itemId, :rev, :record, :reason, :nowMs
  WHERE NOT EXISTS (
    SELECT 1 FROM history_user AS u
    WHERE u.user_id = :userId AND (u.erased = 1 OR :rev <= u.cleared_rev OR :rev <= u.forgotten_rev
      OR (coalesce(:record ->> 'atMs', 0), :rev) <= (u.cleared_before, u.cleared_rev))
  ) AND NOT EXISTS (
    SELECT 1 FROM history
    WHERE user_id = :userId AND kind = :kind AND item_id = :itemId
      AND ${IS_DELETED} AND (coalesce(:record ->> 'atMs', 0), :rev) < (at, rev)
  )
  ON CONFLICT (user_id, kind, item_id, rev) DO UPDATE SET record = excluded.record
  WHERE json_valid(history_rejected.record) AND nullif(history_rejected.record ->> 'durationMs', 0) IS NULL
    AND excluded.record ->> 'durationMs' IS NOT NULL`);

/**
 * Of items that are deleted. Tombstones are arrays in a JSON array: user, kind, item, time,
 * revision.
 */
export const DROP_DELETED = namedSql(`
  DELETE FROM history_rejected WHERE (user_id, kind, item_id, rev) IN (
    SELECT r.user_id, r.kind, r.item_id, r.rev
    FROM json_each(:tombstones) AS t CROSS JOIN history_rejected AS r
    ON r.user_id = t.value ->> 0 AND r.kind = t.value ->> 1 AND r.item_id = t.value ->> 2
    WHERE (${AT_SET_ASIDE}, r.rev) < (t.value ->> 3, t.value ->> 4))`);

/** Of users who have cleared their history. States are arrays in a JSON array, the user first. */
export const DROP_CLEARED = namedSql(`
  DELETE FROM history_rejected WHERE (user_id, kind, item_id, rev) IN (
    SELECT r.user_id, r.kind, r.item_id, r.rev
    FROM json_each(:states) AS s CROSS JOIN history_user AS u ON u.user_id = s.value ->> 0
    CROSS JOIN history_rejected AS r ON r.user_id = u.user_id
    WHERE r.rev <= u.cleared_rev OR (${AT_SET_ASIDE}, r.rev) <= (u.cleared_before, u.cleared_rev))`);
