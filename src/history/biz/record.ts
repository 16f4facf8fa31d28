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

/** What confirms a record as it was collected. */
export function confirmationOf({
  userId,
  kind,
  itemId,
  rev,
  durationMs = null,
}: Confirmation): Required<Confirmation> {
  return { userId, kind, itemId, rev, durationMs };
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

/** The fields of a record that hold a text of its own, but for its user's id, which many share. */
type TextField = {
  [F in keyof HistoryRecord]: string extends NonNullable<HistoryRecord[F]> ? F : never;
}[Exclude<keyof HistoryRecord, "userId">];
type RecordTexts = Pick<HistoryRecord, TextField>;

/** How often each text is held: what names a record is there as its own and in that name. */
const TEXTS_HELD: Readonly<Record<TextField, number>> = { kind: 2, itemId: 2, deviceId: 1 };
const TEXT_FIELDS = Object.keys(TEXTS_HELD) as readonly TextField[];

/** An estimate of the memory that a record takes, in bytes. */
export function recordBytes(record: RecordTexts): number {
  let bytes = RECORD_OVERHEAD_BYTES;
  for (const field of TEXT_FIELDS) bytes += TEXTS_HELD[field] * (record[field]?.length ?? 0);
  return bytes;
}

/**
 * What a record takes in the log or in a snapshot, in bytes, at most; its user's id is shared by
 * all of a row.
 */
export function storedBytes(record: RecordTexts): number {
  let bytes = STORED_OVERHEAD_BYTES;
  for (const field of TEXT_FIELDS) bytes += record[field]?.length ?? 0;
  return bytes;
}

type SeenField = Exclude<keyof HistoryRecord, "userId" | "rev">;
/** What clients see of a record: all but whose it is and its revision, its time by another name. */
type EntryFields = {
  readonly [F in SeenField as F extends "atMs" ? "watchedAt" : F]: HistoryRecord[F];
};

/** The record as a client sees it. A field that only one of the two has does not compile. */
export function entryOf(record: HistoryRecord): Entry {
  return withoutNulls<EntryFields>({
    kind: record.kind,
    itemId: record.itemId,
    positionMs: record.positionMs,
    durationMs: knownDuration(record),
    event: record.event,
    deviceId: record.deviceId,
    watchedAt: record.atMs,
  } satisfies Record<keyof Entry, unknown>);
}

type WithoutNulls<T> = { [F in keyof T as null extends T[F] ? never : F]: T[F] } & {
  [F in keyof T as null extends T[F] ? F : never]?: NonNullable<T[F]>;
};

function withoutNulls<T extends object>(fields: T): WithoutNulls<T> {
  const known: Record<string, unknown> = {};
  for (const name in fields) if (fields[name] !== null) known[name] = fields[name];
  return known as WithoutNulls<T>;
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
