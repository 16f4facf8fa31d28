import { ProtobufReader, ProtobufWriter } from "../../protocol/protobuf.ts";
import type { LoggedKey, LoggedRecord, LogPart } from "../biz/ports.ts";
import { readKey, readPut, writeKey, writePut } from "./put-codec.ts";
import { decodeState, writeState } from "./state-codec.ts";
import type { UserState } from "../biz/user-state.ts";

/*
 * One row of a shard's log, in protobuf. Field 1 is the ms that times and revisions are relative
 * to, field 2 a user, once for each of the row's records. The others are mutations, each of a kind:
 * 3 a put, 4 a delete and 5 a mark by hand are records, field by field as in put-codec.ts, 6 is
 * what holds for a user as a whole (state-codec.ts). 7 is kept for users who move to other shards.
 * 8 is a record whose value is elsewhere: its key, which state of it is pending, and where.
 *
 * A mutation that this code does not know is counted, and whoever reads the row must keep it:
 * skipping one would lose it. A new kind comes in two releases: one that reads it, then one that
 * writes it, once the stored format number says that no older code will meet it. 4, 5 and 6 are
 * written from format 2 on, 8 from format 3 on.
 */
const ROW = { baseMs: 1, users: 2, puts: 3, deletes: 4, marks: 5, states: 6, keys: 8 } as const;

/** What one row says. */
export type RowContent = Pick<LogPart, "records" | "keys" | "users">;

const NO_STATES: readonly UserState[] = [];
const NO_KEYS: readonly LoggedKey[] = [];

/** One row as compact bytes: some 60 a report. It may be empty. */
export function encodeRow(
  records: readonly LoggedRecord[],
  states: readonly UserState[] = NO_STATES,
  keys: readonly LoggedKey[] = NO_KEYS,
): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter();
  const baseMs = records[0]?.atMs ?? keys[0]?.atMs ?? 0;
  const users = new Map<string, number>();
  writer.uint(ROW.baseMs, baseMs);
  const name = ({ userId }: { readonly userId: string }): void => {
    if (users.has(userId)) return;
    users.set(userId, users.size);
    writer.text(ROW.users, userId);
  };
  for (const record of records) name(record);
  for (const key of keys) name(key);
  const context = { baseMs, indexOf: (userId: string) => users.get(userId) ?? 0 };
  for (const record of records) {
    const { valueAt: endpoint } = record;
    if (endpoint === undefined) writer.message(kindOf(record), (put) => writePut(put, record, context));
    else writer.message(ROW.keys, (put) => writeKey(put, { ...record, endpoint }, context));
  }
  for (const key of keys) writer.message(ROW.keys, (put) => writeKey(put, key, context));
  for (const state of states) writer.message(ROW.states, (inner) => writeState(inner, state));
  return writer.finish();
}

function kindOf({ deleted, watched, dismissed }: LoggedRecord): number {
  if (deleted) return ROW.deletes;
  return watched !== null || dismissed ? ROW.marks : ROW.puts;
}

export interface DecodedRow extends RowContent {
  /** Mutations of a kind that a later release has written. */
  readonly unknown: number;
}

/** Kinds of mutations that this release reads, by their field numbers. */
export const KINDS_READ: readonly number[] = [ROW.puts, ROW.deletes, ROW.marks, ROW.states, ROW.keys];

/**
 * What {@link encodeRow} was given. Throws `ProtobufError` for what is no row.
 *
 * @param passedOver - kinds of mutations that are left out: somebody has them already
 */
export function decodeRow(bytes: Uint8Array, passedOver: readonly number[] = []): DecodedRow {
  const reader = new ProtobufReader(bytes);
  const names: string[] = [];
  const records: LoggedRecord[] = [];
  const keys: LoggedKey[] = [];
  const users: UserState[] = [];
  let baseMs = 0;
  let unknown = 0;
  const nameOf = (index: number): string | undefined => names[index];
  const read = (deleted: boolean): LoggedRecord => readPut(reader.bytes(), { baseMs, deleted, nameOf });
  while (reader.next()) {
    if (reader.field === ROW.baseMs) baseMs = reader.uint();
    else if (reader.field === ROW.users) names.push(reader.text());
    else if (passedOver.includes(reader.field)) continue;
    else if (reader.field === ROW.puts || reader.field === ROW.marks) records.push(read(false));
    else if (reader.field === ROW.deletes) records.push(read(true));
    else if (reader.field === ROW.states) users.push(decodeState(reader.bytes()));
    else if (reader.field === ROW.keys)
      keys.push(readKey(reader.bytes(), { baseMs, deleted: false, nameOf }));
    else unknown += 1;
  }
  return { records, keys, users, unknown };
}
