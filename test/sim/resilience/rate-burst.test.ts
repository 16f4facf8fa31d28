import { describe, expect, it } from "vitest";
import { type RateBurst, simulateBurst } from "./rate-burst.ts";

const LIMIT = { limit: 120, windowMs: 60_000 };
const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
const MODES = ["strict", "lease", "async"] as const;
const BURST = { limit: LIMIT, isolates: 1, requests: 300, withinMs: 0, lateShare: 0 } as const;

const runs = (burst: RateBurst) => SEEDS.map((seed) => simulateBurst(burst, seed));
const most = (burst: RateBurst): number => Math.max(...runs(burst).map(({ admitted }) => admitted));

describe.each(MODES)("of 300 requests at once on a limit of 120 (%s)", (mode) => {
  it.each([0, 50, 400, 1_000])(
    "no more than the limit pass where every question is answered, coming within %i ms",
    (withinMs) => {
      // What is counted afterwards may be overtaken by a twentieth of the limit.
      const promised = mode === "async" ? 1.05 * LIMIT.limit : LIMIT.limit;
      expect(most({ ...BURST, mode, withinMs })).toBeLessThanOrEqual(promised);
    },
  );

  it.each([0, 50, 400, 1_000])(
    "no more than 1.1 of the limit pass where answers come too late, coming within %i ms",
    (withinMs) => {
      for (const lateShare of [0.05, 0.3, 0.7])
        expect(most({ ...BURST, mode, withinMs, lateShare })).toBeLessThanOrEqual(1.1 * LIMIT.limit);
    },
  );

  it("all of the limit pass, and not many questions more are asked than there are units", () => {
    for (const { admitted, asks } of runs({ ...BURST, mode })) {
      expect(admitted).toBe(LIMIT.limit);
      expect(asks).toBeLessThanOrEqual(LIMIT.limit + 10);
    }
  });

  it("no more than the limit pass over five isolates that know nothing", () => {
    expect(most({ ...BURST, mode, isolates: 5 })).toBeLessThanOrEqual(LIMIT.limit);
  });
});

describe("of 300 requests at once on a limit of 120, of which six are quiet in an isolate", () => {
  const QUIET = { ...BURST, mode: "async", quietShare: 1 / 20 } as const;
  const QUIET_UNITS = 6;

  it.each([0, 50, 400, 1_000])(
    "no more pass than without, though what was quiet is still on its way, coming within %i ms",
    (withinMs) => {
      expect(most({ ...QUIET, withinMs })).toBeLessThanOrEqual(1.05 * LIMIT.limit);
      for (const lateShare of [0.05, 0.3, 0.7])
        expect(most({ ...QUIET, withinMs, lateShare })).toBeLessThanOrEqual(1.1 * LIMIT.limit);
    },
  );

  it("exactly the limit pass where they come at the same moment", () => {
    for (const quietShare of [1 / 20, 1 / 8])
      expect(new Set(runs({ ...QUIET, quietShare }).map(({ admitted }) => admitted))).toEqual(
        new Set([LIMIT.limit]),
      );
  });

  it("no more than the limit, and of each isolate what is quiet and one, pass over five that know nothing", () => {
    expect(most({ ...QUIET, isolates: 5 })).toBeLessThanOrEqual(LIMIT.limit + 5 * (QUIET_UNITS + 1));
  });
});
