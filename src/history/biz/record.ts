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
  /** The client's time, corrected where its clock is off, clamped to the shard's. */
  readonly atMs: number;
  /** The shard's hybrid logical clock: larger for the later arrival. */
  readonly rev: number;
  /**
   * The time that the client itself gave with the report this comes from; null where it is `atMs`.
   * With device, position and event it says whether a report is the same again.
   */
  readonly rawAtMs: number | null;
  /** Marked by hand as watched or not, until the next report; null: by rule. */
  readonly watched: boolean | null;
  /** Taken out of "continue" by hand, until the next report. */
  readonly dismissed: boolean;
  /** A tombstone: what is left of an item after its deletion, which is at `atMs`. */
  readonly deleted: boolean;
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

/**
 * The latest time that is kept as a client gave it, in ms: 140,000 years from now. Later ones,
 * which a row of the log has no place for, are all the same.
 */
export const RAW_AT_MS_MAX = 2 ** 52 - 1;

/** The time that a record's client gave with the report it comes from, in ms. */
export function rawAtOf({ rawAtMs, atMs }: HistoryRecord): number {
  return rawAtMs ?? atMs;
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
 * The client's own time and what is marked by hand come on top, where there is any.
 */
const STORED_OVERHEAD_BYTES = 55;
const STORED_RAW_AT_BYTES = 9;
const STORED_MARKS_BYTES = 4;

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
export function storedBytes(record: HistoryRecord): number {
  let bytes = STORED_OVERHEAD_BYTES;
  if (record.rawAtMs !== null) bytes += STORED_RAW_AT_BYTES;
  if (record.watched !== null || record.dismissed) bytes += STORED_MARKS_BYTES;
  for (const field of TEXT_FIELDS) bytes += record[field]?.length ?? 0;
  return bytes;
}

/** What an entry says that its record alone doesn't. */
export interface EntryRules {
  /** By hand, or by how far one has come. */
  isWatched(record: HistoryRecord): boolean;
}

type SeenField = Exclude<keyof HistoryRecord, "userId" | "rev" | "rawAtMs" | "deleted">;
/**
 * What clients see of a record: all but whose it is, its revision, what its client's clock said and
 * that it is deleted; its time by another name.
 */
type EntryFields = {
  readonly [F in SeenField as F extends "atMs" ? "watchedAt" : F]: F extends "watched"
    ? boolean
    : F extends "dismissed"
      ? true | null
      : HistoryRecord[F];
};

/** The record as a client sees it. A field that only one of the two has does not compile. */
export function entryOf(record: HistoryRecord, rules: EntryRules): Entry {
  return withoutNulls<EntryFields>({
    kind: record.kind,
    itemId: record.itemId,
    positionMs: record.positionMs,
    durationMs: knownDuration(record),
    event: record.event,
    deviceId: record.deviceId,
    watchedAt: record.atMs,
    watched: rules.isWatched(record),
    dismissed: record.dismissed ? (true as const) : null,
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
