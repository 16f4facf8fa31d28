import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { RECORD_COLUMNS } from "./record-columns.ts";

/**
 * The tables of migrations/history, as queries see them. A test holds them against the migrated
 * database.
 */

export const history = sqliteTable("history", RECORD_COLUMNS, (table) => [
  primaryKey({ columns: [table.userId, table.kind, table.itemId] }),
]);

export const historyUser = sqliteTable("history_user", {
  userId: text("user_id").primaryKey(),
  paused: integer("paused").notNull().default(0),
  clearedBeforeMs: integer("cleared_before").notNull().default(-1),
  erased: integer("erased").notNull().default(0),
  rev: integer("rev").notNull().default(0),
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
