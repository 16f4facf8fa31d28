import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dateReports } from "../../src/contracts/date-reports.ts";
import { AT_MS_MIN, datedReportSchema, type Report } from "../../src/contracts/history.ts";

const NOW_MS = Date.UTC(2026, 10, 26, 12);
const beat = (at?: number): Report => ({
  kind: "video",
  itemId: "film",
  positionMs: 1,
  event: "playing",
  ...(at === undefined ? {} : { at }),
});
/** When a report is dated whose client's clock is off by so much, and what it said itself. */
const datedBy = (offMs: number, at: number | undefined) => {
  const [dated] = dateReports([beat(at)], NOW_MS, NOW_MS - offMs);
  return [dated?.at, dated?.rawAt];
};

const anyTime = fc.integer({ min: AT_MS_MIN, max: Number.MAX_SAFE_INTEGER });
const nearby = fc.integer({ min: NOW_MS - 10 ** 9, max: NOW_MS + 10 ** 9 });
const times = fc.oneof(nearby, anyTime);

describe("a report of a client whose clock", () => {
  it.each([
    ["is right", 0, NOW_MS - 1_000, NOW_MS - 1_000, undefined],
    ["is 5 s slow", 5_000, NOW_MS - 9_000, NOW_MS - 9_000, undefined],
    ["is 5 s fast", -5_000, NOW_MS - 9_000, NOW_MS - 9_000, undefined],
    ["is more than 5 s slow", 5_001, NOW_MS - 9_000, NOW_MS - 4_000, NOW_MS - 9_000],
    ["is nearly 10 s slow", 9_999, NOW_MS - 9_000, NOW_MS - 4_000, NOW_MS - 9_000],
    ["is more than 5 s fast", -5_001, NOW_MS + 1_000, NOW_MS - 9_000, NOW_MS + 1_000],
    ["is an hour slow", 3_600_000, NOW_MS - 3_660_000, NOW_MS - 60_000, NOW_MS - 3_660_000],
    ["is 5 s fast, and ahead of now", -5_000, NOW_MS + 5_000, NOW_MS, NOW_MS + 5_000],
  ])("%s", (_name, offMs, at, dated, rawAt) => {
    expect(datedBy(offMs, at)).toEqual([dated, rawAt]);
  });

  it("is wrong is dated now where it brings no time", () => {
    expect(datedBy(3_600_000, undefined)).toEqual([NOW_MS, undefined]);
  });

  it("isn't told is taken for right", () => {
    expect(dateReports([beat(NOW_MS - 3_600_000)], NOW_MS, undefined)).toEqual([beat(NOW_MS - 3_600_000)]);
  });
});

describe("dates of reports", () => {
  const dateOne = (at: number, sentAt: number | undefined) => {
    const [dated] = dateReports([beat(at)], NOW_MS, sentAt);
    if (dated?.at === undefined) throw new Error("a report was not dated");
    return { ...dated, at: dated.at };
  };

  it("are what history takes, never after now, and say what the client said where that is another", () => {
    fc.assert(
      fc.property(times, fc.option(times, { nil: undefined }), (at, sentAt) => {
        const dated = dateOne(at, sentAt);
        expect(datedReportSchema.safeParse(dated).success).toBe(true);
        expect(dated.at).toBeLessThanOrEqual(NOW_MS);
        expect(dated.rawAt).toBe(dated.at === at ? undefined : at);
      }),
    );
  });

  it("are not changed by a clock that is off by 5 s at most", () => {
    fc.assert(
      fc.property(times, fc.integer({ min: -5_000, max: 5_000 }), (at, offMs) => {
        expect(dateOne(at, NOW_MS - offMs)).toEqual(dateOne(at, undefined));
      }),
    );
  });

  it("are moved by whole steps of 5 s, to at most a step before what is right and never after it", () => {
    const isOff = fc.integer({ min: -(10 ** 9), max: 10 ** 9 }).filter((offMs) => Math.abs(offMs) > 5_000);
    fc.assert(
      fc.property(isOff, fc.integer({ min: 0, max: 10 ** 9 }), (offMs, agoMs) => {
        const at = NOW_MS - offMs - agoMs;
        const shiftMs = dateOne(at, NOW_MS - offMs).at - at;
        expect(Math.abs(shiftMs % 5_000)).toBe(0);
        expect(offMs - shiftMs).toBeGreaterThanOrEqual(0);
        expect(offMs - shiftMs).toBeLessThan(5_000);
      }),
    );
  });

  it("keep the order that the client gave, as far as now", () => {
    fc.assert(
      fc.property(fc.array(times, { maxLength: 20 }), times, (ats, sentAt) => {
        const sorted = ats.toSorted((a, b) => a - b);
        const dated = dateReports(sorted.map(beat), NOW_MS, sentAt).map(({ at = NOW_MS }) => at);
        expect(dated).toEqual(dated.toSorted((a, b) => a - b));
      }),
    );
  });
});
