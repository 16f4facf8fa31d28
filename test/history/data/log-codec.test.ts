import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LogPart } from "../../../src/history/biz/ports.ts";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { storedBytes } from "../../../src/history/biz/record.ts";
import { decodeRow, encodeRow, KINDS_READ } from "../../../src/history/data/log-codec.ts";
import { ProtobufError, ProtobufReader, ProtobufWriter } from "../../../src/protocol/protobuf.ts";
import { anyRecord, recordOf } from "../../support/databases/history-records.ts";
import { anyState, stateOf } from "../../support/databases/user-states.ts";

function outcomeOf(bytes: Uint8Array): "records" | "refused" | "another error" {
  try {
    decodeRow(bytes);
    return "records";
  } catch (error) {
    return error instanceof ProtobufError ? "refused" : "another error";
  }
}

/** The kinds of a row's mutations, by their numbers. */
function kindsIn(row: Uint8Array): number[] {
  const reader = new ProtobufReader(row);
  const kinds: number[] = [];
  while (reader.next()) if (reader.field > 2) kinds.push(reader.field);
  return kinds;
}

/** A row with a mutation of a kind that this release does not know. */
function withUnknown(row: Uint8Array): Uint8Array {
  const writer = new ProtobufWriter();
  writer.text(7, "a move of a later version");
  return new Uint8Array([...row, ...writer.finish()]);
}

const FORMAT_2 = JSON.parse(readFileSync(`${PROJECT_ROOT}test/fixtures/log-format-2.json`, "utf8")) as Pick<
  LogPart,
  "records" | "users"
> & { readonly base64: string };

describe("the log codec", () => {
  it("reads a row of the format before keys were in it, and writes it so where there is none", () => {
    const { records, users, base64 } = FORMAT_2;
    expect(decodeRow(new Uint8Array(Buffer.from(base64, "base64")))).toEqual({
      records,
      keys: [],
      users,
      unknown: 0,
    });
    expect(Buffer.from(encodeRow(records, users)).toString("base64")).toBe(base64);
  });

  it("gives back every record and every user's state it was given", () => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { maxLength: 30 }),
        fc.array(anyState, { maxLength: 3 }),
        (records, users) => {
          expect(decodeRow(encodeRow(records, users))).toEqual({ records, keys: [], users, unknown: 0 });
        },
      ),
    );
  });

  it("gives back since when an item waits, beside records of which that is not said", () => {
    const logged = fc.tuple(anyRecord, fc.option(fc.integer({ min: 0, max: 2_000_000_000_000 })));
    fc.assert(
      fc.property(fc.array(logged, { maxLength: 30 }), (drawn) => {
        const records = drawn.map(([record, waitsSinceMs]) =>
          waitsSinceMs === null ? record : { ...record, waitsSinceMs },
        );
        expect(decodeRow(encodeRow(records))).toEqual({ records, keys: [], users: [], unknown: 0 });
      }),
    );
  });

  it("takes some 60 bytes for a heartbeat, its user counted once a row", () => {
    const row = Array.from({ length: 100 }, (_, second) =>
      recordOf({
        userId: "018f0000-0000-7000-8000-000000000001",
        itemId: `movie-${second}`,
        rev: 1_700_000_000_000 * 1024 + second,
      }),
    );
    expect(encodeRow(row).length / row.length).toBeLessThan(60);
  });

  it("takes no more for a record than is believed of one", () => {
    const logged = fc.tuple(anyRecord, fc.nat(2_000_000_000_000));
    fc.assert(
      fc.property(anyRecord, logged, (first, [record, waitsSinceMs]) => {
        const [alone, beside] = [[first], [first, { ...record, userId: first.userId, waitsSinceMs }]];
        const bytes = encodeRow(beside).length - encodeRow(alone).length;
        expect(bytes).toBeLessThanOrEqual(storedBytes(record));
      }),
    );
  });

  it("writes reports as a release before reads them, and all else as kinds that it sets aside", () => {
    const records = [
      recordOf(),
      recordOf({ rawAtMs: 1 }),
      recordOf({ deleted: true, watched: true }),
      recordOf({ watched: false }),
      recordOf({ dismissed: true }),
    ];
    expect(kindsIn(encodeRow(records, [stateOf()]))).toEqual([3, 3, 4, 5, 5, 6]);
  });

  it("passes over kinds that somebody has read already, and gives the others", () => {
    const [report, mark, tombstone] = [recordOf(), recordOf({ watched: true }), recordOf({ deleted: true })];
    const row = encodeRow([report, mark, tombstone], [stateOf({ forgottenRev: 1 })]);
    expect(decodeRow(row, [3])).toEqual({
      records: [mark, tombstone],
      keys: [],
      users: [stateOf({ forgottenRev: 1 })],
      unknown: 0,
    });
    expect(decodeRow(withUnknown(row), KINDS_READ)).toEqual({ records: [], keys: [], users: [], unknown: 1 });
  });

  it("counts a mutation that it does not know, and gives the others", () => {
    const known = recordOf();
    expect(decodeRow(withUnknown(encodeRow([known])))).toEqual({
      records: [known],
      keys: [],
      users: [],
      unknown: 1,
    });
  });

  it("answers any bytes with records or a ProtobufError, nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(outcomeOf(bytes)).not.toBe("another error");
      }),
      { numRuns: 2_000 },
    );
  });
});
