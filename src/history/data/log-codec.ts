import { ProtobufReader, ProtobufWriter } from "../../protocol/protobuf.ts";
import type { HistoryRecord } from "../biz/record.ts";
import { readPut, writePut } from "./put-codec.ts";

/*
 * One row of a shard's log, in protobuf. Field 1 is the ms that times and revisions are relative
 * to, field 2 a user, once for each of the row, and field 3 a put: a record, field by field as in
 * put-codec.ts. 4, 5 and 6 are kept for deletes, clears and pauses.
 *
 * A mutation that this code does not know is counted, and whoever reads the row must keep it:
 * skipping one would lose it. A new kind comes in two releases: one that reads it, then one that
 * writes it, once the stored format number says that no older code will meet it.
 */
const ROW = { baseMs: 1, users: 2, puts: 3 } as const;

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
  const context = { baseMs, indexOf: (userId: string) => users.get(userId) ?? 0 };
  for (const record of records) writer.message(ROW.puts, (put) => writePut(put, record, context));
  return writer.finish();
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
    else if (reader.field === ROW.puts)
      records.push(readPut(reader.bytes(), { baseMs, nameOf: (index) => users[index] }));
    else unknown += 1;
  }
  return { records, unknown };
}
