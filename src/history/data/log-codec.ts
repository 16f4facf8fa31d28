import { PLAYBACK_EVENTS } from "../../contracts/history.ts";
import { ProtobufError, ProtobufReader, ProtobufWriter } from "../../protocol/protobuf.ts";
import type { HistoryRecord } from "../biz/record.ts";

/*
 * One row of a shard's log, in protobuf:
 *
 *   message Row { uint64 base_ms = 1; // times and revisions are written relative to it repeated
 *   string users = 2; repeated Put puts = 3; // 4, 5 and 6 are kept for deletes, clears and pauses
 *   } message Put { uint32 user = 1; // index into users string kind = 2; string item_id = 3;
 *   uint32 position_ms = 4; optional uint32 duration_ms = 5; uint32 event = 6; // index into
 *   PLAYBACK_EVENTS optional string device_id = 7; sint64 at = 8; // ms after base_ms sint64 rev =
 *   9; // ticks after base_ms x 1024 }
 *
 * A mutation that this code does not know is counted, and whoever reads the row must keep it:
 * skipping one would lose it. A new kind comes in two releases: one that reads it, then one that
 * writes it, once the stored format number says that no older code will meet it.
 */
const ROW = { baseMs: 1, users: 2, puts: 3 } as const;
const PUT = {
  user: 1,
  kind: 2,
  itemId: 3,
  positionMs: 4,
  durationMs: 5,
  event: 6,
  deviceId: 7,
  at: 8,
  rev: 9,
} as const;
const TICKS_PER_MS = 1024;

/** The records of one row, which may be none, as compact bytes: some 60 a report. */
export function encodeRow(records: readonly HistoryRecord[]): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter();
  const baseMs = records[0]?.atMs ?? 0;
  const users = new Map<string, number>();
  writer.uint(ROW.baseMs, baseMs);
  for (const { userId } of records) {
    if (users.has(userId)) continue;
    users.set(userId, users.size);
    writer.text(ROW.users, userId);
  }
  for (const record of records)
    writer.message(ROW.puts, (put) => encodePut(put, record, users.get(record.userId) ?? 0, baseMs));
  return writer.finish();
}

function encodePut(put: ProtobufWriter, record: HistoryRecord, user: number, baseMs: number): void {
  put.uint(PUT.user, user);
  put.text(PUT.kind, record.kind);
  put.text(PUT.itemId, record.itemId);
  put.uint(PUT.positionMs, record.positionMs);
  if (record.durationMs !== null) put.uint(PUT.durationMs, record.durationMs);
  put.uint(PUT.event, PLAYBACK_EVENTS.indexOf(record.event));
  if (record.deviceId !== null) put.text(PUT.deviceId, record.deviceId);
  put.sint(PUT.at, record.atMs - baseMs);
  put.sint(PUT.rev, record.rev - baseMs * TICKS_PER_MS);
}

export interface DecodedRow {
  readonly records: readonly HistoryRecord[];
  /** Mutations of a kind that a later release has written. */
  readonly unknown: number;
}

/** Kinds of mutations that this release reads, by their field numbers. */
export const KINDS_READ: readonly number[] = [ROW.puts];

/**
 * The records that {@link encodeRow} was given. Throws `ProtobufError` for what is no row.
 *
 * @param passedOver - kinds of mutations that are left out: somebody has them already
 */
export function decodeRow(bytes: Uint8Array, passedOver: readonly number[] = []): DecodedRow {
  const reader = new ProtobufReader(bytes);
  const users: string[] = [];
  const records: HistoryRecord[] = [];
  let baseMs = 0;
  let unknown = 0;
  while (reader.next()) {
    if (reader.field === ROW.baseMs) baseMs = reader.uint();
    else if (reader.field === ROW.users) users.push(reader.text());
    else if (passedOver.includes(reader.field)) continue;
    else if (reader.field === ROW.puts) records.push(decodePut(reader.bytes(), users, baseMs));
    else unknown += 1;
  }
  return { records, unknown };
}

function decodePut(bytes: Uint8Array, users: readonly string[], baseMs: number): HistoryRecord {
  const put = new ProtobufReader(bytes);
  let userId: string | undefined;
  let event: HistoryRecord["event"] | undefined;
  const record = {
    kind: "",
    itemId: "",
    positionMs: 0,
    durationMs: null as number | null,
    deviceId: null as string | null,
    atMs: 0,
    rev: 0,
  };
  while (put.next()) {
    if (put.field === PUT.user) userId = users[put.uint()];
    else if (put.field === PUT.kind) record.kind = put.text();
    else if (put.field === PUT.itemId) record.itemId = put.text();
    else if (put.field === PUT.positionMs) record.positionMs = put.uint();
    else if (put.field === PUT.durationMs) record.durationMs = put.uint();
    else if (put.field === PUT.event) event = PLAYBACK_EVENTS[put.uint()];
    else if (put.field === PUT.deviceId) record.deviceId = put.text();
    else if (put.field === PUT.at) record.atMs = baseMs + put.sint();
    else if (put.field === PUT.rev) record.rev = baseMs * TICKS_PER_MS + put.sint();
  }
  if (userId === undefined || event === undefined)
    throw new ProtobufError("a log record names no known user or event");
  return { ...record, userId, event };
}
