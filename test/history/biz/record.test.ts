import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entryOf, isUnfinished, newerOf } from "../../../src/history/biz/record.ts";
import { anyRecord, recordOf } from "../../support/history-records.ts";

describe("the order of reports", () => {
  const merged = (records: readonly ReturnType<typeof recordOf>[]) => records.reduce(newerOf);

  it("converges to the same winner in whatever order and however often reports come in", () => {
    const sameItem = fc.uniqueArray(
      anyRecord.map((record) => ({ ...record, atMs: record.atMs % 5 })),
      { minLength: 1, maxLength: 12, selector: ({ rev }) => rev },
    );
    fc.assert(
      fc.property(
        sameItem.chain((records) =>
          fc.tuple(fc.constant(records), fc.shuffledSubarray([...records, ...records], { minLength: records.length * 2 })),
        ),
        ([records, shuffled]) => {
          expect(merged(shuffled)).toEqual(merged(records));
        },
      ),
    );
  });

  it("prefers the later time, then the later arrival", () => {
    const early = recordOf({ atMs: 1, rev: 9 });
    const late = recordOf({ atMs: 2, rev: 1 });
    expect(newerOf(early, late)).toBe(late);
    const tied = recordOf({ atMs: 2, rev: 2 });
    expect(newerOf(tied, late)).toBe(tied);
  });
});

describe("what to continue", () => {
  it.each([
    ["started", { positionMs: 1, durationMs: 100 }, true],
    ["just below 95 %", { positionMs: 94, durationMs: 100 }, true],
    ["at 95 %", { positionMs: 95, durationMs: 100 }, false],
    ["of unknown duration", { positionMs: 5_000 }, true],
    ["not begun", { positionMs: 0 }, false],
    ["ended", { positionMs: 10, durationMs: 100, event: "ended" as const }, false],
  ])("an item %s", (_name, more, expected) => {
    expect(isUnfinished(recordOf(more))).toBe(expected);
  });
});

describe("an entry", () => {
  it("leaves out what is not known", () => {
    expect(entryOf(recordOf())).toEqual({ kind: "video", itemId: "m1", positionMs: 1_000, event: "playing", watchedAt: 1_700_000_000_000 });
  });
});
