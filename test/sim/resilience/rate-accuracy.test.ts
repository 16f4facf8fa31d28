import { describe, expect, it } from "vitest";
import { type RateCell, rateAccuracyTable, SEEDS, simulateRate } from "./rate-accuracy.ts";

const MODES = ["strict", "lease", "async"] as const;

const cells: readonly RateCell[] = MODES.flatMap((mode) =>
  [1, 5, 50, 300].flatMap((isolates) =>
    [10, 120, 600].flatMap((limit) =>
      [1000, 10_000, 60_000].flatMap((windowMs) =>
        [0.8, 1.5, 10].map((load) => ({ mode, isolates, limit, windowMs, load })),
      ),
    ),
  ),
);
const accuracies = SEEDS.slice(0, 3).flatMap((seed) =>
  cells.map((cell) => ({ seed, ...cell, ...simulateRate(cell, seed) })),
);

describe("the accuracy of rate limits", () => {
  it("is measured over all requests, each of which is admitted or refused", () => {
    for (const { requests, admittedInAll, refusedInAll } of accuracies) {
      expect(admittedInAll + refusedInAll).toBe(requests);
      expect(requests).toBeGreaterThan(0);
    }
  });

  it.each(MODES)("never exceeds what %s promises", (mode) => {
    const exceeding = accuracies.filter((cell) => cell.mode === mode && cell.worst > cell.bound);
    expect(exceeding).toEqual([]);
  });

  it("refuses nobody who stays under the limit", () => {
    expect(accuracies.filter(({ load, refused }) => load < 1 && refused > 0)).toEqual([]);
  });

  it("admits a flood at 0.9 to 1.1 of the limit", () => {
    const off = accuracies.filter(({ load, admitted }) => load > 1 && (admitted < 0.9 || admitted > 1.1));
    expect(off).toEqual([]);
  });

  it("lets no request of a busy isolate wait in the mode lease, and makes few calls", () => {
    const busy = accuracies.filter(({ mode, load, isolates, limit, windowMs }) => {
      return mode === "lease" && load < 1 && isolates === 1 && limit / windowMs > 0.1;
    });
    expect(busy.length).toBeGreaterThan(0);
    for (const { waited, calls } of busy) {
      expect(waited).toBe(0);
      // A busy holder's lease brings at least four units.
      expect(calls).toBeLessThan(1 / 4);
    }
  });

  it("comes out the same each time", () => {
    const cell = { mode: "lease", isolates: 5, limit: 120, windowMs: 1000, load: 1.5 } as const;
    expect(simulateRate(cell)).toEqual(simulateRate(cell));
    expect(simulateRate(cell, 2)).not.toEqual(simulateRate(cell));
  });

  it("makes a table with a row for each mode, load and number of isolates", () => {
    const table = rateAccuracyTable({ isolates: [1, 5], limits: [10], windowsMs: [1000] });
    const lines = table.trimEnd().split("\n");
    expect(lines).toHaveLength(2 + 3 * 3 * 2);
    expect(new Set(lines.map((line) => line.split("|").length)).size).toBe(1);
    expect(table).not.toContain("NaN");
  });
});
