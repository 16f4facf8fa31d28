import {
  integer,
  primaryKey,
  sqliteTable,
  text,
  type SQLiteColumnBuilderBase,
} from "drizzle-orm/sqlite-core";
import { PLAYBACK_EVENTS } from "../../contracts/history.ts";
import type { HistoryRecord } from "../biz/record.ts";
import { RECORD_COLUMNS } from "./record-columns.ts";

/**
 * The tables of migrations/history, as queries see them. A test holds them against the migrated
 * database.
 */

const RECORD = {
  userId: text(RECORD_COLUMNS.userId).notNull(),
  kind: text(RECORD_COLUMNS.kind).notNull(),
  itemId: text(RECORD_COLUMNS.itemId).notNull(),
  positionMs: integer(RECORD_COLUMNS.positionMs).notNull(),
  durationMs: integer(RECORD_COLUMNS.durationMs),
  event: text(RECORD_COLUMNS.event, { enum: PLAYBACK_EVENTS }).notNull(),
  deviceId: text(RECORD_COLUMNS.deviceId),
  atMs: integer(RECORD_COLUMNS.atMs).notNull(),
  rev: integer(RECORD_COLUMNS.rev).notNull(),
  rawAtMs: integer(RECORD_COLUMNS.rawAtMs),
  watched: integer(RECORD_COLUMNS.watched, { mode: "boolean" }),
  dismissed: integer(RECORD_COLUMNS.dismissed, { mode: "boolean" }),
  deleted: integer(RECORD_COLUMNS.deleted, { mode: "boolean" }),
} satisfies Readonly<Record<keyof HistoryRecord, SQLiteColumnBuilderBase>>;

export const history = sqliteTable("history", RECORD, (table) => [
  primaryKey({ columns: [table.userId, table.kind, table.itemId] }),
]);

export const historyUser = sqliteTable("history_user", {
  userId: text("user_id").primaryKey(),
  paused: integer("paused").notNull().default(0),
  clearedBeforeMs: integer("cleared_before").notNull().default(-1),
  erased: integer("erased").notNull().default(0),
  rev: integer("rev").notNull().default(0),
  clearedRev: integer("cleared_rev").notNull().default(0),
  pausedFromMs: integer("paused_from"),
  pausedUntilMs: integer("paused_until"),
  settingsRev: integer("settings_rev").notNull().default(0),
  floorAtMs: integer("floor_at").notNull().default(-1),
  floorRev: integer("floor_rev").notNull().default(0),
  floorSetRev: integer("floor_set_rev").notNull().default(0),
  forgottenRev: integer("forgotten_rev").notNull().default(0),
});

export const historyRejected = sqliteTable(
  "history_rejected",
  {
    userId: text("user_id").notNull(),
    kind: text("kind").notNull(),
    itemId: text("item_id").notNull(),
    rev: integer("rev").notNull(),
    record: text("record").notNull(),
    reason: text("reason").notNull(),
    rejectedAtMs: integer("rejected_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.kind, table.itemId, table.rev] })],
);

export const deadLetter = sqliteTable("dead_letter", {
  id: text("id").primaryKey(),
  body: text("body").notNull(),
  attempts: integer("attempts").notNull(),
  receivedAtMs: integer("received_at").notNull(),
});

export const failureCount = sqliteTable("failure_count", {
  kind: text("kind").primaryKey(),
  total: integer("total").notNull(),
  lastAtMs: integer("last_at").notNull(),
});

export const unreadableMessage = sqliteTable("unreadable_message", {
  id: text("id").primaryKey(),
  outline: text("outline").notNull(),
  attempts: integer("attempts").notNull(),
  receivedAtMs: integer("received_at").notNull(),
});

export const shardMapping = sqliteTable("shard_mapping", {
  version: integer("version").primaryKey(),
  shards: integer("shards").notNull(),
  createdAtMs: integer("created_at").notNull(),
});
