import type { HistoryRecord } from "../biz/record.ts";
import { RECORD_COLUMNS } from "./record-columns.ts";

export type RecordField = keyof HistoryRecord;

/** In the order in which a row has their values. */
export const RECORD_FIELDS = Object.keys(RECORD_COLUMNS) as readonly RecordField[];

/** SQL that is made from columns. No value is named in it: to a statement's type it is nothing. */
export type OfColumns = "";

/**
 * Whether a row is a tombstone: it holds the revision of its deletion, and a release that doesn't
 * know that column may have written a newer report over it.
 */
export const IS_DELETED = "(history.deleted IS history.rev)" as const;

export function columnOf(field: RecordField): string {
  return RECORD_COLUMNS[field];
}

export function columnsOf(fields: readonly RecordField[]): OfColumns {
  return fields.map(columnOf).join(", ") as OfColumns;
}

/** The same of what was marked by hand. `watched` has the sign of what it says. */
const OF_THIS_REVISION: { readonly [F in RecordField]?: string } = {
  watched: "CASE abs(history.watched) WHEN history.rev THEN history.watched > 0 END",
  dismissed: "history.dismissed IS history.rev",
  deleted: IS_DELETED,
};

/** What is selected of rows for {@link recordIn}. */
export const SELECTED = RECORD_FIELDS.map(
  (field) => OF_THIS_REVISION[field] ?? `history.${columnOf(field)}`,
).join(", ") as OfColumns;

/** The record in a row of {@link SELECTED}. Integers become the booleans they stand for. */
export function recordIn(row: readonly unknown[]): HistoryRecord {
  const record: Partial<Record<RecordField, unknown>> = {};
  for (const [index, field] of RECORD_FIELDS.entries())
    record[field] = READ[field]?.(row[index]) ?? row[index];
  return record as HistoryRecord;
}

const isOne = (value: unknown): boolean => value === 1;

/** How a value is read that a row gives as another. */
const READ: Readonly<Partial<Record<RecordField, (value: unknown) => boolean | null>>> = {
  watched: (value) => (value === null ? null : isOne(value)),
  dismissed: isOne,
  deleted: isOne,
};
