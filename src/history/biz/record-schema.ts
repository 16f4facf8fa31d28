import * as z from "zod";
import { storedItemKeySchema, PLAYBACK_EVENTS } from "../../contracts/history.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";

/** A user as the token names them: history knows them by nothing else. */
export const historyUserIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,64}$/, "must be 1-64 characters of [A-Za-z0-9._:-]");

export const recordKeySchema = z.object({
  userId: historyUserIdSchema,
  ...storedItemKeySchema.shape,
}) satisfies z.ZodType<RecordKey>;

/**
 * A record, by its shape. What a number may be is the database's own check: a second list of ranges
 * here would one day be the narrower one, and set aside what the database would have taken.
 */
export const recordSchema = recordKeySchema.extend({
  positionMs: z.int(),
  durationMs: z.int().nullable(),
  event: z.enum(PLAYBACK_EVENTS),
  deviceId: z.string().max(64).nullable(),
  atMs: z.int(),
  rev: z.int().min(1),
  // Shards of the release before, and what it has set aside, say none of these.
  rawAtMs: z.int().nullable().default(null),
  watched: z.boolean().nullable().default(null),
  dismissed: z.boolean().default(false),
  deleted: z.boolean().default(false),
}) satisfies z.ZodType<HistoryRecord>;

const TEXT_LENGTH_MAX = 256;
const textSchema = z.string().min(1).max(TEXT_LENGTH_MAX);

/**
 * As much of something as it takes to set it aside and to tell its shard so, however wrong the rest
 * is.
 */
export const confirmationSchema = z.object({
  userId: textSchema,
  kind: textSchema,
  itemId: textSchema,
  rev: z.int().min(1),
}) satisfies z.ZodType<Confirmation>;
