import { PLAYBACK_EVENTS } from "../../contracts/history.ts";
import { ProtobufError, ProtobufReader, type ProtobufWriter } from "../../protocol/protobuf.ts";
import type { LoggedKey, LoggedRecord } from "../biz/ports.ts";
import type { HistoryRecord } from "../biz/record.ts";

/** What the records of a row have in common when they are written. */
interface RowWritten {
  readonly baseMs: number;
  readonly indexOf: (userId: string) => number;
}

/** The same when they are read. */
interface RowRead {
  readonly baseMs: number;
  /** Whether the record is a tombstone: its kind says so, not a field of it. */
  readonly deleted: boolean;
  readonly nameOf: (index: number) => string | undefined;
}

/** How one field of a record is written: under which number, and as what. */
interface PutField<T> {
  readonly number: number;
  readonly write: (put: ProtobufWriter, value: T, row: RowWritten) => void;
  /** Undefined where it names what nobody knows. */
  readonly read: (put: ProtobufReader, row: RowRead) => T | undefined;
  /** What a put says that has none; undefined where each must have one. */
  readonly absent: T | undefined;
}

const TICKS_PER_MS = 1024;
/** Beside the fields of a record: since when its item waits, where that is said. */
const WAITS_SINCE = 10;
/** And which endpoint outside of the shard has an older value, or in a key's message the value. */
const COPY_AT = 14;
const VALUE_AT = 15;

type Field = Exclude<keyof HistoryRecord, "deleted">;

/**
 * The fields of a put. A number is that field's for ever: rows outlive the code that wrote them. A
 * field of a record that has none here does not compile.
 */
const PUT: { readonly [F in Field]: PutField<HistoryRecord[F]> } = {
  userId: index(
    1,
    (userId, { indexOf }) => indexOf(userId),
    (at, { nameOf }) => nameOf(at),
  ),
  kind: text(2),
  itemId: text(3),
  positionMs: uint(4),
  durationMs: optional(uint(5)),
  event: index(
    6,
    (event) => PLAYBACK_EVENTS.indexOf(event),
    (at) => PLAYBACK_EVENTS[at],
  ),
  deviceId: optional(text(7)),
  atMs: relative(8, 1),
  rev: relative(9, TICKS_PER_MS),
  rawAtMs: optional(relative(11, 1)),
  watched: optional(flag(12)),
  dismissed: { ...flag(13), write: (put, value) => value && put.uint(13, 1) },
};

function text(number: number): PutField<string> {
  return {
    number,
    write: (put, value) => put.text(number, value),
    read: (put) => put.text(),
    absent: "",
  };
}

function uint(number: number): PutField<number> {
  return {
    number,
    write: (put, value) => put.uint(number, value),
    read: (put) => put.uint(),
    absent: 0,
  };
}

function flag(number: number): PutField<boolean> {
  return {
    number,
    write: (put, value) => put.uint(number, value ? 1 : 0),
    read: (put) => put.uint() === 1,
    absent: false,
  };
}

/** Relative to the row's time, of which each ms is so many units. */
function relative(number: number, unitsPerMs: number): PutField<number> {
  return {
    number,
    write: (put, value, { baseMs }) => put.sint(number, value - baseMs * unitsPerMs),
    read: (put, { baseMs }) => baseMs * unitsPerMs + put.sint(),
    absent: 0,
  };
}

/** Written as its place among those there are: each put must name one of them. */
function index<T>(
  number: number,
  indexOf: (value: T, row: RowWritten) => number,
  valueAt: (index: number, row: RowRead) => T | undefined,
): PutField<T> {
  return {
    number,
    write: (put, value, row) => put.uint(number, indexOf(value, row)),
    read: (put, row) => valueAt(put.uint(), row),
    absent: undefined,
  };
}

/** Left out where there is none. */
function optional<T>(field: PutField<T>): PutField<T | null> {
  return {
    ...field,
    write: (put, value, row) => {
      if (value !== null) field.write(put, value, row);
    },
    absent: null,
  };
}

/** A record that is being read. */
type Draft = { -readonly [F in keyof HistoryRecord]: HistoryRecord[F] | undefined };

const FIELDS = Object.keys(PUT) as readonly Field[];
const BY_NUMBER: ReadonlyMap<number, Field> = new Map(FIELDS.map((field) => [PUT[field].number, field]));
const EMPTY = Object.fromEntries(FIELDS.map((field) => [field, PUT[field].absent])) as Readonly<
  Pick<Draft, Field>
>;

/** Writes one record as a message of its row. */
export function writePut(put: ProtobufWriter, record: LoggedRecord, row: RowWritten): void {
  for (const field of FIELDS) writeField(field, put, record, row);
  if (record.waitsSinceMs !== undefined) put.sint(WAITS_SINCE, record.waitsSinceMs - row.baseMs);
  if (record.copyAt !== undefined) put.text(COPY_AT, record.copyAt);
}

const KEY_FIELDS = ["userId", "kind", "itemId", "atMs", "rev"] as const satisfies readonly Field[];

/** Writes the key of one record whose value is elsewhere as a message of its row. */
export function writeKey(put: ProtobufWriter, key: LoggedKey, row: RowWritten): void {
  for (const field of KEY_FIELDS) writeField(field, put, key, row);
  if (key.waitsSinceMs !== undefined) put.sint(WAITS_SINCE, key.waitsSinceMs - row.baseMs);
  put.text(VALUE_AT, key.endpoint);
}

/** The key that {@link writeKey} was given. Throws `ProtobufError` for what is none. */
export function readKey(bytes: Uint8Array, row: RowRead): LoggedKey {
  const put = new ProtobufReader(bytes);
  const draft: Draft = { ...EMPTY, deleted: false };
  let waitsSinceMs: number | undefined;
  let endpoint = "";
  while (put.next()) {
    if (put.field === WAITS_SINCE) waitsSinceMs = row.baseMs + put.sint();
    else if (put.field === VALUE_AT) endpoint = put.text();
    const field = KEY_FIELDS.find((name) => PUT[name].number === put.field);
    if (field !== undefined) readField(field, put, draft, row);
  }
  const { userId, kind = "", itemId = "", atMs = 0, rev = 0 } = draft;
  if (userId === undefined || endpoint === "") throw new ProtobufError("a key names no known user or place");
  return { userId, kind, itemId, atMs, rev, endpoint, ...(waitsSinceMs !== undefined && { waitsSinceMs }) };
}

function writeField<F extends Field>(
  field: F,
  put: ProtobufWriter,
  record: Pick<HistoryRecord, F>,
  row: RowWritten,
): void {
  PUT[field].write(put, record[field], row);
}

/** The record that {@link writePut} was given. Throws `ProtobufError` for what is none. */
export function readPut(bytes: Uint8Array, row: RowRead): LoggedRecord {
  const put = new ProtobufReader(bytes);
  const draft: Draft = { ...EMPTY, deleted: row.deleted };
  let waitsSinceMs: number | undefined;
  let copyAt: string | undefined;
  while (put.next()) {
    if (put.field === WAITS_SINCE) waitsSinceMs = row.baseMs + put.sint();
    else if (put.field === COPY_AT) copyAt = put.text();
    const field = BY_NUMBER.get(put.field);
    if (field !== undefined) readField(field, put, draft, row);
  }
  if (!isRecord(draft)) throw new ProtobufError("a log record names no known user or event");
  if (waitsSinceMs === undefined && copyAt === undefined) return draft;
  return {
    ...draft,
    ...(waitsSinceMs !== undefined && { waitsSinceMs }),
    ...(copyAt !== undefined && { copyAt }),
  };
}

function readField<F extends Field>(field: F, put: ProtobufReader, draft: Draft, row: RowRead): void {
  draft[field] = PUT[field].read(put, row);
}

function isRecord(draft: Draft): draft is HistoryRecord {
  return FIELDS.every((field) => draft[field] !== undefined);
}
