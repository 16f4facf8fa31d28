import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparePositions, entryOf, mergeRecords } from "../../../src/history/biz/record.ts";
import { anyRecord, recordOf } from "../../support/databases/history-records.ts";

const UNWATCHED = { isWatched: () => false };

describe("the order of reports", () => {
  const merged = (records: readonly ReturnType<typeof recordOf>[]) => records.reduce(mergeRecords);

  // I5
  it("converges to the same winner in whatever order and however often reports come in", () => {
    const sameItem = fc.uniqueArray(
      anyRecord.map((record) => ({ ...record, atMs: record.atMs % 5 })),
      { minLength: 1, maxLength: 12, selector: ({ rev }) => rev },
    );
    fc.assert(
      fc.property(
        sameItem.chain((records) =>
          fc.tuple(
            fc.constant(records),
            fc.shuffledSubarray([...records, ...records], { minLength: records.length * 2 }),
          ),
        ),
        ([records, shuffled]) => {
          const { durationMs: _one, ...winner } = merged(records);
          // Reports that disagree about a film's length: any of theirs.
          expect(merged(shuffled)).toMatchObject(winner);
        },
      ),
    );
  });

  it("keeps a known duration, of whichever report, in whatever order they come in", () => {
    const ofOneFilm = fc.uniqueArray(
      fc
        .tuple(anyRecord, fc.constantFrom(null, 0, 5_400_000))
        .map(([record, durationMs]) => ({ ...record, atMs: record.atMs % 5, durationMs })),
      { minLength: 1, maxLength: 12, selector: ({ rev }) => rev },
    );
    fc.assert(
      fc.property(ofOneFilm, (records) => {
        const known = records.some(({ durationMs }) => durationMs === 5_400_000) ? 5_400_000 : undefined;
        const winner = records.toSorted(comparePositions).at(-1);
        for (const order of [records, records.toReversed(), records.toSorted(comparePositions)]) {
          const stands = merged(order);
          expect(entryOf(stands, UNWATCHED).durationMs).toBe(known);
          expect({ ...stands, durationMs: 0 }).toEqual({ ...winner, durationMs: 0 });
        }
      }),
    );
  });

  it("believes the winner where durations differ", () => {
    const early = recordOf({ atMs: 1, durationMs: 100 });
    expect(merged([early, recordOf({ atMs: 2, durationMs: 90 })]).durationMs).toBe(90);
    expect(merged([recordOf({ atMs: 2, durationMs: 90 }), early]).durationMs).toBe(90);
  });

  it("prefers the later time, then the later arrival", () => {
    const early = recordOf({ atMs: 1, rev: 9 });
    const late = recordOf({ atMs: 2, rev: 1 });
    expect(mergeRecords(early, late)).toBe(late);
    const tied = recordOf({ atMs: 2, rev: 2 });
    expect(mergeRecords(tied, late)).toBe(tied);
  });
});

describe("an entry", () => {
  const BARE = {
    kind: "video",
    itemId: "m1",
    positionMs: 1_000,
    event: "playing",
    watchedAt: 1_700_000_000_000,
    watched: false,
  };

  it("leaves out what is not known", () => {
    expect(entryOf(recordOf({ durationMs: 0 }), UNWATCHED)).toEqual(BARE);
    expect(entryOf(recordOf(), UNWATCHED)).toEqual(BARE);
  });

  it("says whether it is watched, by the rules, and that it was dismissed", () => {
    const rules = { isWatched: ({ itemId }: { readonly itemId: string }) => itemId === "m1" };
    expect(entryOf(recordOf({ dismissed: true }), rules)).toEqual({
      ...BARE,
      watched: true,
      dismissed: true,
    });
    expect(entryOf(recordOf({ itemId: "m2" }), rules).watched).toBe(false);
  });

  it("tells neither its revision nor what the client's own clock said", () => {
    const entry = entryOf(recordOf({ rawAtMs: 1_600_000_000_000 }), UNWATCHED);
    expect(Object.keys(entry).toSorted()).toEqual(Object.keys(BARE).toSorted());
  });
});
