import * as z from "zod";
import type { CallContext } from "./call-context.ts";
import type { RedriveReceipt, RedriveRejected, RejectedPage, RejectedQuery } from "./rejected.ts";

export const REPORTS_PER_CALL_MAX = 100;
export const ENTRIES_PER_PAGE_MAX = 100;
export const POSITION_MS_MAX = 2 ** 31 - 1;

export const PLAYBACK_EVENTS = ["playing", "paused", "ended"] as const;
export type PlaybackEvent = (typeof PLAYBACK_EVENTS)[number];

export const KIND = /^[a-z][a-z0-9_-]{0,15}$/;
/** As clients may name one: `.` and `..` are steps of a path, and no URL can hold them. */
export const ITEM_ID = /^(?!\.\.?$)[A-Za-z0-9._:-]{1,64}$/;
export const DEVICE_ID = /^[\x21-\x7e]{1,64}$/;

const kindSchema = z.string().regex(KIND, "must match [a-z][a-z0-9_-]{0,15}");
/** As it is stored, by an earlier release too, and travels between workers. */
const storedItemIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,64}$/, "must be 1-64 characters of [A-Za-z0-9._:-]");
const itemIdSchema = z
  .string()
  .regex(ITEM_ID, "must be 1-64 characters of [A-Za-z0-9._:-], and neither . nor ..");
const positionSchema = z.int().min(0).max(POSITION_MS_MAX);

/**
 * Before 2015 nobody watched anything here: such a time is in seconds, or from a clock that was
 * never set.
 */
export const AT_MS_MIN = Date.UTC(2015, 0);

/**
 * One heartbeat of a player. `at` is the client's clock in ms since the epoch, clamped to now by
 * the shard. A duration of 0 is an unknown one, as is none: players say so before they have read a
 * file's header.
 */
export const reportSchema = z.object({
  kind: kindSchema,
  itemId: itemIdSchema,
  positionMs: positionSchema,
  durationMs: positionSchema.optional(),
  event: z.enum(PLAYBACK_EVENTS).default("playing"),
  deviceId: z.string().regex(DEVICE_ID, "must be 1-64 visible characters").optional(),
  at: z.int().min(AT_MS_MIN, "at is in milliseconds").optional(),
});

/**
 * What a client sends: the reports themselves are read one by one (report-batch.ts). `sentAt` is
 * its clock while it sends, in ms since the epoch.
 */
export const reportsSchema = z.object({
  reports: z.unknown(),
  sentAt: z.int().min(AT_MS_MIN, "sentAt is in milliseconds").optional(),
});

/**
 * A report as it travels between workers: `at` is the time that it is dated by, `rawAt` the one its
 * client gave, where that is another.
 */
export const datedReportSchema = reportSchema.extend({ rawAt: z.int().min(AT_MS_MIN).optional() });
export type DatedReport = z.infer<typeof datedReportSchema>;

/** What people say of an item by hand; it stands until the next report on it. */
export const markSchema = z
  .object({
    watched: z.boolean().optional(),
    dismissed: z.literal(true).optional(),
    at: z.int().min(AT_MS_MIN, "at is in milliseconds").optional(),
  })
  .refine(({ watched, dismissed }) => watched !== undefined || dismissed !== undefined, {
    path: ["watched"],
    message: "watched or dismissed must be given",
  });
export const settingsSchema = z.object({ paused: z.boolean() });

export const storedItemKeySchema = z.object({ kind: kindSchema, itemId: storedItemIdSchema });
export const itemKeySchema = z.object({ kind: kindSchema, itemId: itemIdSchema });
export const lookupSchema = z.object({ items: z.array(itemKeySchema).min(1).max(REPORTS_PER_CALL_MAX) });

const limitSchema = z.coerce.number().pipe(z.int().min(1).max(ENTRIES_PER_PAGE_MAX)).default(20);

/**
 * Where a page ends: the (at, rev) of its last entry, as `<at>.<rev>` in base 36. Opaque to
 * clients.
 */
const cursorSchema = z.string().regex(/^[0-9a-z]{1,12}\.[0-9a-z]{1,12}$/, "is not a cursor of ours");

export const listQuerySchema = z.object({
  limit: limitSchema,
  cursor: cursorSchema.optional(),
  kind: kindSchema.optional(),
});
export const continueQuerySchema = z.object({ limit: limitSchema });

/**
 * A place in a user's own order: the revision up to which a client has everything, and where it
 * began, in base 36. Opaque to clients.
 */
export const placeSchema = z
  .string()
  .regex(/^[0-9a-z]{1,12}(?:\.[0-9a-z]{1,12})?$/, "is not a cursor of ours");

export const changesQuerySchema = z.object({
  since: placeSchema.optional(),
  limit: limitSchema.default(ENTRIES_PER_PAGE_MAX),
});

/**
 * What the queries of clients have become when they reach history: nothing is left to a default any
 * more.
 */
export const pageLimitSchema = z.int().min(1).max(ENTRIES_PER_PAGE_MAX);
export const listCallSchema = listQuerySchema.extend({ limit: pageLimitSchema });
export const changesCallSchema = changesQuerySchema.extend({ limit: pageLimitSchema });

export type Report = z.infer<typeof reportSchema>;
export type ItemKey = z.infer<typeof itemKeySchema>;
export type ListQuery = z.infer<typeof listQuerySchema>;
export type ChangesQuery = z.infer<typeof changesQuerySchema>;
export type Mark = z.infer<typeof markSchema>;
export type HistorySettings = z.infer<typeof settingsSchema>;

/** One item of a user's history as clients see it. */
export interface Entry {
  readonly kind: string;
  readonly itemId: string;
  readonly positionMs: number;
  readonly durationMs?: number;
  readonly event: PlaybackEvent;
  readonly deviceId?: string;
  readonly watchedAt: number;
  /** By the kind's share of a known duration, by `ended`, or by hand. */
  readonly watched: boolean;
  /** Taken out of "continue" by hand; absent where it isn't. */
  readonly dismissed?: true;
}

/**
 * A report of a call that is not valid: its place among those sent, and the path and the fault of
 * its first bad value.
 */
export interface RejectedReport {
  readonly index: number;
  readonly path: string;
  readonly message: string;
}

/**
 * What became of the reports of one call: each is in one of the three. `rejected` is absent where
 * there are none, and from a history of an older version.
 */
export interface ReportReceipt {
  readonly accepted: number;
  readonly ignored: number;
  readonly rejected?: readonly RejectedReport[];
  /** The entries that won over reports of this call, each once; absent where none lost. */
  readonly superseded?: readonly Entry[];
  /** When the shard wishes to hear of this player next, in ms. Absent from an older one. */
  readonly nextReportMs?: number;
  /**
   * How long they waited on purpose for the commit that they share with others, in ms: no sign of
   * load. Absent where they didn't, and from a shard of an older version. The BFF takes it out, and
   * tells it in `Server-Timing`.
   */
  readonly waitedMs?: number;
}

/**
 * `degraded` is present when D1 could not be asked: only what the shard holds in memory was
 * answered.
 */
export interface EntryPage {
  readonly items: readonly Entry[];
  readonly nextCursor?: string;
  readonly degraded?: true;
}

/**
 * What has changed in a user's history, in the user's own order. `trimmed` and `cleared`: what was
 * watched before that time, in ms, is gone; what is kept of the same time follows as entries.
 */
export type Change =
  | { readonly entry: Entry }
  | { readonly removed: ItemKey & { readonly at: number } }
  | { readonly cleared: { readonly before: number } }
  | { readonly trimmed: { readonly before: number } }
  | { readonly settings: HistorySettings };

export interface ChangePage {
  readonly changes: readonly Change[];
  /** What to give as `since` next time. */
  readonly cursor: string;
  /** Whether more is there already. */
  readonly more: boolean;
  /**
   * `since` is older than what is remembered of deleted items: this is everything from the
   * beginning, and what the client has beside it is gone.
   */
  readonly resync?: true;
}

/**
 * What the app BFF may ask of history (entrypoint `Playback`). The user is always `ctx.principal`:
 * there is no way to name another. Every method throws `UNAUTHENTICATED` without one and
 * `OVERLOADED` (with `retryAfterMs`) when the user's shard is full.
 */
export interface HistoryPlayback {
  /**
   * When it answers, every accepted report is durable. One that is not valid is named and holds up
   * no other; throws `INVALID` where none is valid.
   */
  report(ctx: CallContext, reports: readonly DatedReport[]): Promise<ReportReceipt>;
  list(ctx: CallContext, query: ListQuery): Promise<EntryPage>;
  continueWatching(ctx: CallContext, limit: number): Promise<EntryPage>;
  lookup(ctx: CallContext, items: readonly ItemKey[]): Promise<EntryPage>;
  /**
   * Marks an item by hand. Answers the entry that stands then. Throws `NOT_FOUND` where there is no
   * such entry, unless it is marked as watched. This and what follows throws `UNAVAILABLE` while
   * objects of the release before are about.
   */
  mark(ctx: CallContext, item: ItemKey, mark: Mark): Promise<Entry>;
  /** Deletes an item: no report that is older brings it back. */
  remove(ctx: CallContext, item: ItemKey): Promise<void>;
  /** The same for all items. */
  clear(ctx: CallContext): Promise<void>;
  settings(ctx: CallContext): Promise<HistorySettings>;
  setSettings(ctx: CallContext, settings: HistorySettings): Promise<HistorySettings>;
  /** What has changed since a place in the user's order. Never degraded: throws `UNAVAILABLE`. */
  changes(ctx: CallContext, query: ChangesQuery): Promise<ChangePage>;
  /** All entries as of one moment, newest first. Never degraded: throws `UNAVAILABLE`. */
  exportAll(ctx: CallContext): Promise<readonly Entry[]>;
  ready(ctx: CallContext): Promise<void>;
}

export interface ShardStatus {
  readonly shard: number;
  /** The cell it is of; absent: `main`. Shards have numbers of their own in each. */
  readonly cell?: string;
  /** Records that D1 has not confirmed yet. */
  readonly pending: number;
  readonly pendingBytes: number;
  /** Age of the oldest such record in ms, 0 if none. */
  readonly oldestPendingMs: number;
  readonly cachedUsers: number;
  /** What a restart would read. */
  readonly liveLogRows: number;
  readonly liveLogBytes: number;
  /**
   * Rows that hold what a later release wrote: kept for it, and all reads are marked as degraded
   * meanwhile.
   */
  readonly unreadRows: number;
  /**
   * Pending records whose values are in the hot store and were not read back since a restart: their
   * users are refused. Absent where there are none.
   */
  readonly unreadValues?: number;
  /**
   * Values that the hot store was to have, and had not, and nobody else: what it has lost, and what
   * was never acknowledged, since its shard died before the store had it. Absent where there are
   * none.
   */
  readonly lostValues?: number;
  /** The format of the log that the shard writes. Absent from a shard of the release before. */
  readonly logFormat?: number;
  /**
   * How far the shard's logical clock is ahead of the wall, in ms: more than a minute, and one of
   * the two was wrong.
   */
  readonly clockAheadMs: number;
  /** Databases that have not confirmed what the job was asked to write. */
  readonly failingDatabases: readonly number[];
}

/** How many shards a cell has, by which mapping; null while that can't be read. */
export interface CellOverview {
  readonly cell: string;
  readonly mappingVersion: number | null;
  readonly shards: number | null;
}

/** How far a partition of the bus between shards and job has been read. */
export interface BusStatus {
  /** Absent: of `main`. */
  readonly cell?: string;
  readonly partition: number;
  /** Messages that are not done yet; null while the bus can't be asked. */
  readonly lag: number | null;
  /** So many of them were tried and come again; null while its reader can't be asked. */
  readonly late: number | null;
}

export interface HistoryOverview {
  readonly flushWindowMs: number;
  /** Of `main`; those of all cells are in `cells`. */
  readonly mappingVersion: number;
  /** Those of `main`, then of each other cell that can be read. */
  readonly shards: readonly ShardStatus[];
  /** Absent from a history of the release before. */
  readonly cells?: readonly CellOverview[];
  /**
   * Each partition of each cell, where Kafka is the bus; null while those can't be had. Absent
   * where a queue is.
   */
  readonly bus?: readonly BusStatus[] | null;
  /**
   * Messages that were given up since ever (their records are still pending and will be sent
   * again). This and what follows is null while a database is away.
   */
  readonly deadLetters: number | null;
  /** Records D1 refused for good, kept with their reason; counted up to 10,000. */
  readonly rejected: number | null;
  /**
   * What has gone wrong, by kind. `refused_batch`: so many records were refused at once that none
   * is set aside, and all come again.
   */
  readonly failures: readonly FailureCount[] | null;
}

export interface FailureCount {
  readonly kind: string;
  readonly total: number;
  readonly lastAt: number;
}

/** What the ops BFF may ask of history (entrypoint `Operations`). */
export interface HistoryOperations {
  /** Sends everything pending to the job now, without waiting for its window. */
  flush(ctx: CallContext): Promise<{ readonly shards: number }>;
  overview(ctx: CallContext): Promise<HistoryOverview>;
  /**
   * Names of the breakers of its databases and queues, in all cells, which isolates share. A
   * history of the release before doesn't know it.
   */
  upstreams(ctx: CallContext): Promise<readonly string[]>;
  /** Records that were set aside, newest first. */
  rejected(ctx: CallContext, query: RejectedQuery): Promise<RejectedPage>;
  /**
   * Tries to write records that were set aside: those named, or the oldest. Throws
   * `UNAUTHENTICATED` where nobody asks.
   */
  redriveRejected(ctx: CallContext, order: RedriveRejected): Promise<RedriveReceipt>;
}

/** What identity may ask of history (entrypoint `Erasure`). */
export interface HistoryErasure {
  /**
   * Forgets a user for good, everywhere; whatever still arrives for them is refused. Idempotent.
   * `cell` is the user's home; absent: `main`.
   */
  erase(ctx: CallContext, userId: string, cell?: string): Promise<void>;
}
