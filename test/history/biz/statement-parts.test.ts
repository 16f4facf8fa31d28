import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { statementParts } from "../../../src/history/biz/statement-parts.ts";
import { d1HistoryWriter } from "../../../src/history/data/d1-history-writer.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { anyRecord, recordOf } from "../../support/databases/history-records.ts";

const BYTES_MAX = 1_000_000;
const bytesOf = (text: string): number => new TextEncoder().encode(text).byteLength;

/**
 * Records of every weight there is: short ones, long ones, ones whose texts double when they are
 * escaped or encoded.
 */
const anyWeight = fc.record({
  record: anyRecord,
  times: fc.integer({ min: 1, max: 2_500 }),
  deviceId: fc.oneof(
    fc.constant(null),
    fc.string({ minLength: 1, maxLength: 64, unit: "binary" }),
    fc.constant('"'.repeat(64)),
  ),
});

/** What the writer binds to its statement for these records. */
async function parameterOf(records: readonly HistoryRecord[]): Promise<string> {
  const bound: string[] = [];
  const statement = { bind: (text: string) => (bound.push(text), statement), run: async () => undefined };
  const db = { prepare: () => statement, batch: async () => [] } as unknown as D1Database;
  await d1HistoryWriter(db, Date.now).upsert(records);
  // Of deleted items their keys go with it, which are less.
  return bound[0] ?? "";
}

describe("statements", () => {
  it("have at most 1 MB and 5,000 records each, all records in order, none lost, whatever the mix", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyWeight, { maxLength: 8 }), async (mix) => {
        const records = mix.flatMap(({ record, times, deviceId }) =>
          Array.from({ length: times }, () => ({ ...record, deviceId })),
        );
        const parts = [...statementParts(records)];
        expect(parts.flat()).toEqual(records);
        for (const part of parts) {
          expect(part.length).toBeGreaterThan(0);
          expect(part.length).toBeLessThanOrEqual(5_000);
          expect(bytesOf(await parameterOf(part))).toBeLessThanOrEqual(BYTES_MAX);
        }
      }),
      // Shrinking thousands of records takes minutes and shows no more than the first
      // counterexample.
      { numRuns: 40, endOnFailure: true },
    );
  });

  it("are as few as may be for ordinary records", () => {
    const records = Array.from({ length: 9_000 }, (_, rev) => recordOf({ rev: rev + 1 }));
    expect([...statementParts(records)].length).toBeLessThanOrEqual(3);
  });

  it("carry an item that is too big for any by itself, rather than none", () => {
    expect([...statementParts(["a", "b".repeat(BYTES_MAX), "c"])].map((part) => part.length)).toEqual([
      1, 1, 1,
    ]);
  });

  it("have fewer items where they are asked to, and are none for nothing", () => {
    expect([...statementParts([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]]);
    expect([...statementParts([])]).toEqual([]);
  });
});
