import { getTableColumns } from "drizzle-orm";
import type { HistoryRecord } from "../biz/record.ts";
import { history } from "./schema.ts";

export type RecordField = keyof HistoryRecord;

const COLUMNS = getTableColumns(history);
/** In the order in which a row has their values. */
export const RECORD_FIELDS = Object.keys(COLUMNS) as readonly RecordField[];

/** SQL that is made from columns. No value is named in it: to a statement's type it is nothing. */
export type OfColumns = "";

export function columnOf(field: RecordField): string {
  return COLUMNS[field].name;
}

export function columnsOf(fields: readonly RecordField[]): OfColumns {
  return fields.map(columnOf).join(", ") as OfColumns;
}
