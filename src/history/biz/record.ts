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
  /**
   * The duration it was written with: a late report may have added one since. Absent from a job of
   * the release before.
   */
  readonly durationMs?: number | null;
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

/**
 * The one order of reports, the same in memory, in refill and in the D1 guard: negative if `a`
 * comes before `b`.
 */
export function comparePositions(a: Position, b: Position): number {
  return a.atMs - b.atMs || a.rev - b.rev;
}

/**
 * A duration in ms, null where it is not known. Players say 0 before they know one, and earlier
 * releases have stored that.
 */
export function knownDuration({ durationMs }: Pick<HistoryRecord, "durationMs">): number | null {
  return durationMs === 0 ? null : durationMs;
}

/**
 * The record that stands after both have been seen, in whatever order: the newer one, with the
 * duration of the other where it knows none itself. Where several reports know different ones, and
 * the newest knows none, it is one of theirs.
 */
export function mergeRecords(a: HistoryRecord, b: HistoryRecord): HistoryRecord {
  const [newer, older] = comparePositions(a, b) >= 0 ? [a, b] : [b, a];
  const durationMs = knownDuration(older);
  if (knownDuration(newer) !== null || durationMs === null) return newer;
  return { ...newer, durationMs };
}

/**
 * JavaScript's cost of a record beside its texts, in bytes: the object, its boxed numbers, its
 * places in maps. A test weighs it on V8.
 */
const RECORD_OVERHEAD_BYTES = 400;
/**
 * What a record costs in a log row beside its texts, in bytes, at most: tags, lengths and numbers.
 */
const STORED_OVERHEAD_BYTES = 48;

type RecordTexts = Pick<HistoryRecord, "kind" | "itemId" | "deviceId">;

/** An estimate of the memory that a record takes, in bytes. */
export function recordBytes(record: RecordTexts): number {
  // The texts twice: the record's own, and the name by which it is found.
  return (
    RECORD_OVERHEAD_BYTES + 2 * (record.kind.length + record.itemId.length) + (record.deviceId?.length ?? 0)
  );
}

/**
 * What a record takes in the log or in a snapshot, in bytes, at most; its user's id is shared by
 * all of a row.
 */
export function storedBytes(record: RecordTexts): number {
  return STORED_OVERHEAD_BYTES + record.kind.length + record.itemId.length + (record.deviceId?.length ?? 0);
}

/** The record as a client sees it. */
export function entryOf(record: HistoryRecord): Entry {
  const durationMs = knownDuration(record);
  return {
    kind: record.kind,
    itemId: record.itemId,
    positionMs: record.positionMs,
    ...(durationMs === null ? {} : { durationMs }),
    event: record.event,
    ...(record.deviceId === null ? {} : { deviceId: record.deviceId }),
    watchedAt: record.atMs,
  };
}

/** The share of a known duration from which on an item counts as finished. */
const FINISHED_SHARE = 0.95;

/**
 * Whether an item belongs into "continue watching": started, and neither ended nor within the last
 * 5 % of its duration.
 */
export function isUnfinished(record: HistoryRecord): boolean {
  if (record.positionMs === 0 || record.event === "ended") return false;
  const durationMs = knownDuration(record);
  return durationMs === null || record.positionMs < FINISHED_SHARE * durationMs;
}
