import { bound, namedSql, type NamedSql } from "../../platform/database/named-sql.ts";
import type { HistoryRecord, RecordKey } from "../biz/record.ts";
import { columnOf, columnsOf, RECORD_FIELDS, type OfColumns, type RecordField } from "./record-fields.ts";
import type { history } from "./schema.ts";

const KEY = { userId: true, kind: true, itemId: true } satisfies Record<keyof RecordKey, true>;

const given = (field: RecordField): OfColumns => `r.value ->> ${RECORD_FIELDS.indexOf(field)}` as OfColumns;

/** Of an older release there may be zeros in the place of durations that were not known. */
const KNOWN_DURATION = "nullif(history.duration_ms, 0)";
const IS_NEWER = "(excluded.at, excluded.rev) > (history.at, history.rev)";
const KNOWS_MORE = `(${KNOWN_DURATION} IS NULL AND excluded.duration_ms IS NOT NULL)` as const;

/** What is given of a field as it is stored. */
function stored(field: RecordField): OfColumns {
  if (field === "durationMs") return `nullif(${given(field)}, 0)` as OfColumns;
  if (field === "deleted" || field === "dismissed")
    return `CASE WHEN ${given(field)} THEN ${given("rev")} END` as OfColumns;
  if (field === "watched")
    return `CASE ${given(field)} WHEN 1 THEN ${given("rev")} WHEN 0 THEN -(${given("rev")}) END` as OfColumns;
  return given(field);
}

/** What stands of a field when two records meet: the newer one's, as in `mergeRecords`. */
function standing(field: RecordField): string {
  const column = columnOf(field);
  return field === "durationMs"
    ? `${column} = CASE WHEN ${IS_NEWER} THEN coalesce(excluded.${column}, ${KNOWN_DURATION}) ELSE excluded.${column} END`
    : `${column} = CASE WHEN ${IS_NEWER} THEN excluded.${column} ELSE history.${column} END`;
}

const POSITION = `(${given("atMs")}, ${given("rev")})` as OfColumns;
const VALUES = RECORD_FIELDS.map(stored).join(", ") as OfColumns;
const CHANGES = RECORD_FIELDS.filter((field) => !(field in KEY))
  .map(standing)
  .join(",\n    ") as OfColumns;

/*
 * One statement and one bound parameter for thousands of records: rows as arrays in a JSON array.
 * `WHERE true` style conditions are needed before ON CONFLICT, or SQLite takes it for a join. The
 * guard makes a late, repeated or reordered write change nothing and cost nothing: rows that lose
 * are not written, unless they know a duration that the row doesn't. What two records become is
 * `mergeRecords` of biz/record.ts, what a user's state refuses is said by `admits` of
 * biz/user-state.ts.
 */
const upsertUnless = (isForgotten: OfColumns): NamedSql<"records"> =>
  namedSql(`
  INSERT INTO history (${columnsOf(RECORD_FIELDS)})
  SELECT ${VALUES}
  FROM json_each(:records) AS r
  WHERE NOT EXISTS (
    SELECT 1 FROM history_user AS u
    WHERE u.user_id = ${given("userId")}
      AND (u.erased = 1 OR (${given("rev")} <= u.cleared_rev OR ${POSITION} <= (u.cleared_before, u.cleared_rev))
        OR ${POSITION} <= (u.floor_at, u.floor_rev)
        OR ${isForgotten})
  )
  ON CONFLICT (${columnsOf(RECORD_FIELDS.filter((field) => field in KEY))}) DO UPDATE SET
    ${CHANGES}
  WHERE ${IS_NEWER} OR ${KNOWS_MORE}`);

const IS_UP_TO_FORGOTTEN = `${given("rev")} <= u.forgotten_rev` as OfColumns;
/** What a job brings of that age it was stalled with: the item may have been deleted since. */
const UPSERT = upsertUnless(IS_UP_TO_FORGOTTEN);
/** What was set aside at its time the database has never had. */
const UPSERT_SET_ASIDE = upsertUnless(`(${given("deleted")} AND ${IS_UP_TO_FORGOTTEN})` as OfColumns);

/** The statement that writes these records, as far as they win. */
export function upsertRecords(db: D1Database, records: readonly HistoryRecord[]): D1PreparedStatement {
  return bound(db, UPSERT, { records: JSON.stringify(records.map(rowOf)) });
}

/** The same for one that was set aside, and not deleted since. */
export function upsertSetAside(db: D1Database, record: HistoryRecord): D1PreparedStatement {
  return bound(db, UPSERT_SET_ASIDE, { records: JSON.stringify([rowOf(record)]) });
}

/** A record that the table's columns can't hold does not compile. */
function rowOf(record: typeof history.$inferInsert): readonly unknown[] {
  return RECORD_FIELDS.map((field) => record[field]);
}
