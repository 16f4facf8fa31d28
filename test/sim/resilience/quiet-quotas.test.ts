import { describe, expect, it } from "vitest";
import { type RateAccuracy, SEEDS, simulateRate } from "./rate-accuracy.ts";
import { ISOLATES, LOADS, promisedMost, simulateQuiet } from "./quiet-quotas.ts";

const rows = LOADS.flatMap((load) =>
  ISOLATES.map((isolates) => ({ load, isolates, cells: simulateQuiet(load, isolates) })),
);
const most = (cells: readonly RateAccuracy[], of: (cell: RateAccuracy) => number): number =>
  Math.max(...cells.map(of));
const least = (cells: readonly RateAccuracy[], of: (cell: RateAccuracy) => number): number =>
  Math.min(...cells.map(of));

describe("quiet quotas", () => {
  it("make no call for a client at a hundredth of the limit, nor at four, and nobody waits", () => {
    const quiet = rows.filter(({ load }) => load < 0.05);
    expect(quiet).toHaveLength(2 * ISOLATES.length);
    for (const { cells } of quiet)
      expect([most(cells, ({ calls }) => calls), most(cells, ({ waited }) => waited)]).toEqual([0, 0]);
  });

  it("admit of a flood at ten times the limit through one isolate 0.9 to 1.1 of it", () => {
    const flood = rows.find(({ load, isolates }) => load === 10 && isolates === 1)?.cells ?? [];
    expect(flood.length).toBeGreaterThan(0);
    expect(least(flood, ({ admitted }) => admitted)).toBeGreaterThanOrEqual(0.9);
    expect(most(flood, ({ admitted }) => admitted)).toBeLessThanOrEqual(1.1);
  });

  it("admit through many isolates no more than the limit and their share for each, and no less than 0.9", () => {
    for (const { isolates, cells } of rows.filter((row) => row.load > 1)) {
      expect(most(cells, ({ admitted }) => admitted)).toBeLessThanOrEqual(promisedMost(isolates));
      expect(least(cells, ({ admitted }) => admitted)).toBeGreaterThanOrEqual(0.9);
      expect(most(cells, ({ worst, bound }) => worst - bound)).toBeLessThanOrEqual(0);
    }
  });

  it.each([1 / 20, 1 / 8, 1 / 2, 1])(
    "refuse nobody who stays under the limit, through however many isolates (share %d)",
    (quietShare) => {
      for (const isolates of ISOLATES)
        expect(most(simulateQuiet(0.8, isolates, quietShare), ({ refused }) => refused)).toBe(0);
    },
  );

  it("are what they were where the share is no whole request", () => {
    for (const seed of SEEDS) {
      const cell = { mode: "async", isolates: 5, limit: 19, windowMs: 10_000, load: 1.5 } as const;
      expect(simulateRate({ ...cell, quietShare: 1 / 20 }, seed)).toEqual({
        ...simulateRate(cell, seed),
        bound: expect.any(Number),
      });
    }
  });
});
