import type { Entry, PlaybackEvent } from "../../contracts/history.ts";

/** The state of one item of one user after its winning report. Times are ms since the epoch. */
export interface HistoryRecord {
  readonly userId: string;
  readonly kind: string;
  readonly itemId: string;
  readonly positionMs: number;
  readonly durationMs: number | null;
  readonly event: PlaybackEvent;
  readonly deviceId: string | null;
  /** The client's time, clamped to the shard's. */
  readonly atMs: number;
  /** The shard's hybrid logical clock: larger for the later arrival. */
  readonly rev: number;
}

export interface RecordKey {
  readonly userId: string;
  readonly kind: string;
  readonly itemId: string;
}

/** A revision of a record that D1 holds (or has refused for good). */
export interface Confirmation extends RecordKey {
  readonly rev: number;
}

/** Position in the order of all reports on one user: by the client's time, ties by arrival. */
export interface Position {
  readonly atMs: number;
  readonly rev: number;
}

/** Names an item among its user's items. `/` is in neither part. */
export function itemName(key: { readonly kind: string; readonly itemId: string }): string {
  return `${key.kind}/${key.itemId}`;
}

/** The one order of reports, the same in memory, in refill and in the D1 guard: negative if `a` comes before `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.atMs - b.atMs || a.rev - b.rev;
}

/** The record that stands after both have been seen, in whatever order. */
export function newerOf(a: HistoryRecord, b: HistoryRecord): HistoryRecord {
  return comparePositions(a, b) >= 0 ? a : b;
}

/** JavaScript's cost of a record beside its texts, in bytes: the object, its boxed numbers, its places in maps. A test weighs it on V8. */
const RECORD_OVERHEAD_BYTES = 400;
/** What a record costs in a log row beside its texts, in bytes, at most: tags, lengths and numbers. */
const STORED_OVERHEAD_BYTES = 48;

type RecordTexts = Pick<HistoryRecord, "kind" | "itemId" | "deviceId">;

/** An estimate of the memory that a record takes, in bytes. */
export function recordBytes(record: RecordTexts): number {
  // The texts twice: the record's own, and the name by which it is found.
  return RECORD_OVERHEAD_BYTES + 2 * (record.kind.length + record.itemId.length) + (record.deviceId?.length ?? 0);
}

/** What a record takes in the log or in a snapshot, in bytes, at most; its user's id is shared by all of a row. */
export function storedBytes(record: RecordTexts): number {
  return STORED_OVERHEAD_BYTES + record.kind.length + record.itemId.length + (record.deviceId?.length ?? 0);
}

/** The record as a client sees it. */
export function entryOf(record: HistoryRecord): Entry {
  return {
    kind: record.kind,
    itemId: record.itemId,
    positionMs: record.positionMs,
    ...(record.durationMs === null ? {} : { durationMs: record.durationMs }),
    event: record.event,
    ...(record.deviceId === null ? {} : { deviceId: record.deviceId }),
    watchedAt: record.atMs,
  };
}

/** The share of a known duration from which on an item counts as finished. */
const FINISHED_SHARE = 0.95;

/** Whether an item belongs into "continue watching": started, and neither ended nor within the last 5 % of its duration. */
export function isUnfinished(record: HistoryRecord): boolean {
  if (record.positionMs === 0 || record.event === "ended") return false;
  return record.durationMs === null || record.positionMs < FINISHED_SHARE * record.durationMs;
}
