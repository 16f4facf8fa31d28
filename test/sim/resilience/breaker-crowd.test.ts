import { describe, expect, it } from "vitest";
import { type CrowdScenario, simulateCrowd } from "./breaker-crowd.ts";
import { crowd } from "./crowd-tables.ts";

const REPORTS_PER_SECOND_MAX = 200;
const LIVES_MS = 300_000;
/** Thousands of isolates over minutes are a million calls. */
const LONG = { timeout: 120_000 };

describe(
  "a shared breaker and ever more isolates, all started at once, whose upstream dies at once and comes back",
  LONG,
  () => {
    it.each<readonly [string, Pick<CrowdScenario, "isolates"> & Partial<CrowdScenario>]>([
      ["ten", { isolates: 10 }],
      ["as many as may report at will, busy", { isolates: 70, rps: 10 }],
      ["a hundred", { isolates: 100 }],
      ["two hundred, busy", { isolates: 200, rps: 10 }],
      ["a thousand", { isolates: 1_000 }],
      ["a thousand, busy", { isolates: 1_000, rps: 4 }],
      ["a thousand that live for five minutes", { isolates: 1_000, livesMs: LIVES_MS }],
      ["five thousand", { isolates: 5_000 }],
      ["five thousand that live for five minutes", { isolates: 5_000, livesMs: LIVES_MS }],
    ])("hears at most 200 reports in any second: %s", (_who, changes) => {
      const found = simulateCrowd(crowd(changes));
      expect(found.worstWhileWell).toBeLessThanOrEqual(REPORTS_PER_SECOND_MAX);
      expect(found.worstSince).toBeLessThanOrEqual(REPORTS_PER_SECOND_MAX);
      expect(found.openedAfterMs).toBeLessThanOrEqual(8_000);
      expect(found.openings).toBe(1);
    });

    it("would hear of each of them every second, had it not asked for less", () => {
      const ofBefore = { isolates: 1_000, seed: 1, rps: 2, isOfBefore: true, endsAtMs: 90_000 };
      expect(simulateCrowd(ofBefore).worstWhileWell).toBeGreaterThan(800);
    });

    it("is heard by all of a hundred within 15 s, and of a thousand within the turn that they were told and 10 s", () => {
      for (const seed of [1, 2, 3]) {
        const hundred = simulateCrowd(crowd({ isolates: 100, seed }));
        expect(hundred.failFastAfterMs).toBeLessThanOrEqual(15_000);
        expect(hundred.backAfterMs).toBeLessThanOrEqual(10_000);
        const thousand = simulateCrowd(crowd({ isolates: 1_000, seed }));
        expect(thousand.failFastAfterMs).toBeLessThanOrEqual(25_000);
        expect(thousand.backAfterMs).toBeLessThanOrEqual(20_000);
      }
    });

    it("knows how many they are after a restart as well, in which it forgot them: well, dying or dead", () => {
      for (const restartsAtMs of [100_000, 128_000, 150_000]) {
        const found = simulateCrowd(crowd({ isolates: 1_000, rps: 1, restartsAtMs }));
        expect(Math.max(found.worstWhileWell, found.worstSince)).toBeLessThanOrEqual(REPORTS_PER_SECOND_MAX);
        expect(found.openings).toBe(1);
      }
    });
  },
);

describe("a shared breaker whose upstream dies for some of its callers", LONG, () => {
  it.each([10, 60, 200, 1_000])(
    "opens where most calls of %i isolates fail, and not where three of ten do, though these report more often",
    (isolates) => {
      for (const seed of isolates < 1_000 ? [1, 2, 3] : [1]) {
        const openings = (dyingShare: number): number =>
          simulateCrowd(crowd({ isolates, seed, rps: 1, dyingShare, endsAtMs: 200_000 })).openings;
        expect(openings(0.3)).toBe(0);
        expect(openings(0.7)).toBeGreaterThan(0);
      }
    },
  );
});

describe("what reports cost while all is well", LONG, () => {
  it(
    "is less than half a report a call where isolates are few, and a thirtieth where they are many",
    {
      timeout: 120_000,
    },
    () => {
      const reportsOfCalls = (isolates: number): number => {
        const { quietReports, quietCalls } = simulateCrowd({
          isolates,
          seed: 2,
          rps: 0.5,
          endsAtMs: 130_000,
        });
        return quietReports / quietCalls;
      };
      expect(reportsOfCalls(1)).toBeLessThan(0.5);
      expect(reportsOfCalls(5_000)).toBeLessThan(1 / 30);
    },
  );
});
