import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeRow, encodeRow } from "../../../src/history/data/log-codec.ts";
import { ProtobufError, ProtobufWriter } from "../../../src/protocol/protobuf.ts";
import { anyRecord, recordOf } from "../../support/databases/history-records.ts";

function outcomeOf(bytes: Uint8Array): "records" | "refused" | "another error" {
  try {
    decodeRow(bytes);
    return "records";
  } catch (error) {
    return error instanceof ProtobufError ? "refused" : "another error";
  }
}

describe("the log codec", () => {
  it("gives back every record it was given", () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 30 }), (records) => {
        expect(decodeRow(encodeRow(records))).toEqual({ records, unknown: 0 });
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

  it("counts a mutation that it does not know, and gives the others", () => {
    const known = recordOf();
    const writer = new ProtobufWriter();
    writer.text(4, "a delete of a later version");
    const row = new Uint8Array([...encodeRow([known]), ...writer.finish()]);
    expect(decodeRow(row)).toEqual({ records: [known], unknown: 1 });
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
