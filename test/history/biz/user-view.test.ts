import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  comparePositions,
  itemName,
  mergeRecords,
  type HistoryRecord,
} from "../../../src/history/biz/record.ts";
import { pageOf, UserView } from "../../../src/history/biz/user-view.ts";
import { recordOf } from "../../support/databases/history-records.ts";

const T0 = 1_700_000_000_000;

const at = (minute: number, more: Partial<HistoryRecord> = {}): HistoryRecord =>
  recordOf({ itemId: `film-${minute}`, atMs: T0 + minute, rev: (T0 + minute) * 1024, ...more });

function viewOf(entriesMax: number, records: readonly HistoryRecord[]): UserView {
  const view = new UserView(entriesMax);
  for (const record of records) view.merge(record);
  return view;
}

const listed = (view: UserView): readonly string[] => view.newestFirst().map(({ itemId }) => itemId);

describe("the tombstone of a deleted item", () => {
  const view = viewOf(10, [at(1), at(2), at(2, { atMs: T0 + 3, deleted: true })]);
  view.reach = "all";

  it("is never listed", () => {
    const page = pageOf(view, { after: null, limit: 10, accept: () => true, wantsNext: true });
    expect([listed(view), page?.records.map(({ itemId }) => itemId)]).toEqual([["film-1"], ["film-1"]]);
  });

  it("is known to who looks for it, so that nothing older brings the item back", () => {
    expect(view.get("video/film-2")?.deleted).toBe(true);
    view.merge(at(2, { positionMs: 77 }));
    expect([view.get("video/film-2")?.deleted, listed(view)]).toEqual([true, ["film-1"]]);
  });

  it("goes when the item is played again", () => {
    const again = viewOf(10, [at(2, { deleted: true }), at(2, { atMs: T0 + 9, positionMs: 5 })]);
    expect(again.get("video/film-2")).toMatchObject({ deleted: false, positionMs: 5 });
    expect(listed(again)).toEqual(["film-2"]);
  });

  it("takes no place of an entry: a user with a thousand of them keeps all entries", () => {
    const entries = Array.from({ length: 10 }, (_, minute) => at(minute));
    const tombstones = Array.from({ length: 50 }, (_, minute) => at(100 + minute, { deleted: true }));
    const full = viewOf(10, [...entries, ...tombstones]);
    expect(listed(full)).toHaveLength(10);
    expect([full.newestBeyond(), full.get("video/film-0")?.itemId]).toEqual([null, "film-0"]);
  });

  it("stays when entries beyond what is kept leave, however old it is", () => {
    const entries = Array.from({ length: 30 }, (_, minute) => at(10 + minute));
    const full = viewOf(10, [at(1, { deleted: true }), ...entries]);
    expect(full.get("video/film-1")?.deleted).toBe(true);
  });
});

describe("the newest entry beyond what is kept", () => {
  it("is nobody as long as there are no more", () => {
    expect(viewOf(3, [at(1), at(2), at(3)]).newestBeyond()).toBeNull();
    expect(viewOf(3, []).newestBeyond()).toBeNull();
  });

  it("is the one right after those that are, and is shown to nobody", () => {
    const view = viewOf(
      20,
      Array.from({ length: 22 }, (_, minute) => at(minute)),
    );
    expect(view.newestBeyond()?.itemId).toBe("film-1");
    expect([view.get("video/film-1"), view.get("video/film-2")?.itemId]).toEqual([undefined, "film-2"]);
  });

  it("is an entry, not a tombstone that is newer", () => {
    const view = viewOf(2, [at(1), at(3), at(4), at(2, { deleted: true })]);
    expect(view.newestBeyond()?.itemId).toBe("film-1");
  });
});

describe("what a view forgets", () => {
  it("weighs nothing any more, and is not listed, found or counted", () => {
    const view = viewOf(3, [at(1), at(2, { deleted: true })]);
    const { bytes } = view;
    for (const minute of [3, 4, 5]) view.merge(at(minute));
    expect(view.newestBeyond()?.itemId).toBe("film-1");
    view.retain(({ itemId }) => ["film-1", "film-2"].includes(itemId));
    expect([view.bytes, listed(view), view.get("video/film-4"), view.newestBeyond()]).toEqual([
      bytes,
      ["film-1"],
      undefined,
      null,
    ]);
    view.retain(() => false);
    expect([view.isEmpty, view.bytes, listed(view)]).toEqual([true, new UserView(3).bytes, []]);
  });
});

describe("an item that comes again", () => {
  it("takes one place and weighs what one record weighs", () => {
    const view = viewOf(3, [at(1)]);
    const { bytes } = view;
    for (let later = 1; later < 50; later += 1) view.merge(at(1, { atMs: T0 + 1 + later }));
    expect([view.bytes, view.newestBeyond(), listed(view)]).toEqual([bytes, null, ["film-1"]]);
  });

  it("without a duration is not all there is to know, until it has one or D1 has said what it has", () => {
    const view = viewOf(3, [at(5), at(6, { durationMs: 9 })]);
    view.reach = { atMs: T0, rev: 0 };
    const isSure = (minute: number): boolean => view.isSureOf(view.get(`video/film-${minute}`) ?? at(0));
    expect([isSure(5), isSure(6)]).toEqual([false, true]);
    view.areStored([at(5)]);
    expect(isSure(5)).toBe(true);
    view.merge(at(7));
    view.merge(at(7, { atMs: T0 + 8, durationMs: 9 }));
    expect(isSure(7)).toBe(true);
  });
});

describe("any records, in any order", () => {
  const arbitrary = fc.array(
    fc.record({
      item: fc.integer({ min: 0, max: 8 }),
      atMs: fc.integer({ min: T0, max: T0 + 20 }),
      deleted: fc.boolean(),
    }),
    { maxLength: 40 },
  );

  it("end as what stands of each item, of which a view lists the newest entries", () => {
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 6 }), (given, entriesMax) => {
        const records = given.map(({ item, atMs, deleted }, index) =>
          recordOf({ itemId: `film-${item}`, atMs, deleted, durationMs: 1_000, rev: T0 * 1024 + index }),
        );
        const standing = new Map<string, HistoryRecord>();
        for (const record of records) {
          const known = standing.get(itemName(record));
          standing.set(itemName(record), known === undefined ? record : mergeRecords(known, record));
        }
        const all = [...standing.values()].toSorted((a, b) => comparePositions(b, a));
        const entries = all.filter(({ deleted }) => !deleted);
        const found = (view: UserView) => all.map((record) => view.get(itemName(record)));
        const roomy = viewOf(100, records);
        expect([roomy.newestFirst(), found(roomy)]).toEqual([entries, all]);
        const kept = new Set(entries.slice(0, entriesMax));
        const full = viewOf(entriesMax, all.toReversed());
        expect(full.newestFirst()).toEqual([...kept]);
        expect(found(full)).toEqual(
          all.map((record) => (record.deleted || kept.has(record) ? record : undefined)),
        );
      }),
    );
  });
});
