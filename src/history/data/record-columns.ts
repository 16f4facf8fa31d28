import { integer, text, type SQLiteColumnBuilderBase } from "drizzle-orm/sqlite-core";
import { PLAYBACK_EVENTS } from "../../contracts/history.ts";
import type { HistoryRecord } from "../biz/record.ts";

/**
 * The column of each field of a record. Table, upsert and reader are made from this map, so that a
 * field that has none here does not compile, and one that has is written and read.
 */
export const RECORD_COLUMNS = {
  userId: text("user_id").notNull(),
  kind: text("kind").notNull(),
  itemId: text("item_id").notNull(),
  positionMs: integer("position_ms").notNull(),
  durationMs: integer("duration_ms"),
  event: text("event", { enum: PLAYBACK_EVENTS }).notNull(),
  deviceId: text("device_id"),
  atMs: integer("at").notNull(),
  rev: integer("rev").notNull(),
} satisfies Readonly<Record<keyof HistoryRecord, SQLiteColumnBuilderBase>>;
