import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hintsOf } from "../../src/contracts/errors.ts";
import { lookupSchema } from "../../src/contracts/history.ts";
import { readDatedBatch, readReportBatch } from "../../src/contracts/report-batch.ts";

const GOOD = { kind: "video", itemId: "film", positionMs: 1 };
const BAD: readonly unknown[] = [
  null,
  7,
  [],
  {},
  { ...GOOD, positionMs: -1 },
  { ...GOOD, itemId: "a/b" },
  { ...GOOD, itemId: ".." },
  { ...GOOD, at: 1_700_000_000 },
  { ...GOOD, event: "slept", kind: 3, at: "now" },
];

function refused(given: unknown): unknown {
  try {
    return readReportBatch(given);
  } catch (error) {
    return hintsOf(error).errors;
  }
}

describe("the reports of one call", () => {
  it("are each good or named once with their place, and no good one is lost to a bad one", () => {
    const good = fc.constant({ ...GOOD });
    const report = fc.oneof(good, fc.constantFrom(...BAD));
    const withOneGood = fc.tuple(
      fc.array(report, { maxLength: 60 }),
      good,
      fc.array(report, { maxLength: 39 }),
    );
    fc.assert(
      fc.property(withOneGood, ([before, one, after]) => {
        const given = [...before, one, ...after];
        const all = [...given.keys()];
        const isGood = (index: number): boolean => !BAD.includes(given[index]);
        const { reports, places, rejected } = readReportBatch(given);
        expect(places).toEqual(all.filter(isGood));
        expect(reports).toHaveLength(places.length);
        expect(rejected.map(({ index }) => index)).toEqual(all.filter((index) => !isGood(index)));
      }),
    );
  });

  it("are refused where none is good, with every value that is not", () => {
    const errors = refused(BAD) as readonly { readonly path: string }[];
    expect(new Set(errors.map(({ path }) => Number(path.split(".")[1])))).toEqual(new Set(BAD.keys()));
    expect(errors.map(({ path }) => path)).toEqual(
      expect.arrayContaining(["reports.8.event", "reports.8.kind", "reports.8.at"]),
    );
  });

  it.each([
    ["a second", 1_700_000_000],
    ["the epoch", 0],
    ["the last day of 2014", Date.UTC(2015, 0) - 1],
  ])("are in milliseconds: %s is told so", (_name, at) => {
    expect(refused([{ ...GOOD, at }])).toEqual([{ path: "reports.0.at", message: "at is in milliseconds" }]);
    expect(readReportBatch([GOOD, { ...GOOD, at }]).rejected).toEqual([
      { index: 1, path: "at", message: "at is in milliseconds" },
    ]);
    expect(readReportBatch([{ ...GOOD, at: Date.UTC(2015, 0) }]).reports).toHaveLength(1);
  });

  it("name no item that no URL can name, and nobody looks one up", () => {
    for (const itemId of [".", ".."]) {
      const [error] = refused([{ ...GOOD, itemId }]) as readonly { readonly path: string }[];
      expect(error?.path).toBe("reports.0.itemId");
      expect(lookupSchema.safeParse({ items: [{ kind: "video", itemId }] }).success).toBe(false);
    }
    for (const itemId of ["...", ".a", "a.", "..a"])
      expect(readReportBatch([{ ...GOOD, itemId }]).reports).toHaveLength(1);
  });

  it("are a list of one to a hundred", () => {
    for (const given of [undefined, {}, [], Array.from({ length: 101 }, () => GOOD)])
      expect(refused(given)).toEqual([{ path: "reports", message: expect.any(String) as string }]);
  });

  // Quickly read or by the schema, which is asked about what is odd.
  it.each([{}, { durationMs: undefined }, { deviceId: undefined }])(
    "say how they were dated between workers only: no client is believed that",
    (more) => {
      const dated = { ...GOOD, ...more, at: Date.UTC(2026, 0), rawAt: Date.UTC(2025, 0) };
      expect(readReportBatch([dated]).reports[0]).not.toHaveProperty("rawAt");
      expect(readReportBatch([{ ...dated, rawAt: "x" }]).reports[0]).not.toHaveProperty("rawAt");
      expect(readDatedBatch([dated]).reports).toMatchObject([{ at: dated.at, rawAt: dated.rawAt }]);
      expect(readDatedBatch([GOOD]).reports[0]).not.toHaveProperty("rawAt");
    },
  );

  it("are sorted alike between workers", () => {
    const { reports, places, rejected } = readDatedBatch([{ ...GOOD, rawAt: 5 }, GOOD, BAD[4]]);
    expect([reports.length, places]).toEqual([1, [1]]);
    expect(rejected.map(({ index, path }) => [index, path])).toEqual([
      [0, "rawAt"],
      [2, "positionMs"],
    ]);
  });

  it("may have members that nobody knows: a player of tomorrow is not refused", () => {
    expect(readReportBatch([{ ...GOOD, mood: "good" }])).toMatchObject({
      reports: [{ itemId: "film" }],
      rejected: [],
    });
  });
});
