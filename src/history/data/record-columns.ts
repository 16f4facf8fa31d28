import type { HistoryRecord } from "../biz/record.ts";

/**
 * The column of each field of a record, in the order in which a row has their values. Upsert and
 * reader are made from this map, and the table of schema.ts, so that a field that has none here
 * does not compile, and one that has is written and read.
 */
export const RECORD_COLUMNS = {
  userId: "user_id",
  kind: "kind",
  itemId: "item_id",
  positionMs: "position_ms",
  durationMs: "duration_ms",
  event: "event",
  deviceId: "device_id",
  atMs: "at",
  rev: "rev",
  rawAtMs: "raw_at",
  watched: "watched",
  dismissed: "dismissed",
  deleted: "deleted",
} as const satisfies Readonly<Record<keyof HistoryRecord, string>>;
