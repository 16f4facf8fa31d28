import { describe, expect, it, vi } from "vitest";
import { OVERLOAD_LIMITERS } from "../../../src/resilience/overload/overload-limiters.ts";
import { overloadTable, simulateOverload, type OverloadScenario } from "./overload-sim.ts";

/** Virtual time costs real time: some hundred thousand calls in each run. */
vi.setConfig({ testTimeout: 60_000 });

const SEEDS = [1, 2, 3];
const LOADS = [0.5, 1, 1.5, 2, 4, 10];
const UPSTREAMS = [
  { places: 40, serviceMs: 25 },
  { places: 16, serviceMs: 80 },
  { places: 64, serviceMs: 40, spread: 1 },
  { places: 8, serviceMs: 20 },
];
/**
 * In multiples of the unloaded time. The limit's floor is 32: where 8 are done at once, that alone
 * makes four.
 */
const p50Max = ({ places }: { readonly places: number }): number => (places >= 16 ? 3 : 4.5);

function forEachSeed(
  scenario: Omit<OverloadScenario, "seed">,
  test: (result: ReturnType<typeof simulateOverload>) => void,
): void {
  for (const seed of SEEDS) test(simulateOverload({ ...scenario, seed }));
}

describe.each([1_000, Number.POSITIVE_INFINITY])(
  "an upstream behind a bbr limiter, with clients that wait %s ms",
  (deadlineMs) => {
    it.each(UPSTREAMS)(
      "does 90 % of its best at ten times of what it can do, and quickly: $places × $serviceMs ms",
      (upstream) => {
        const [seed] = SEEDS;
        const goodputs = LOADS.map(
          (load) => simulateOverload({ limiter: "bbr", load, seed: seed ?? 0, upstream, deadlineMs }).goodput,
        );
        const peak = Math.max(...goodputs);
        expect(peak).toBeGreaterThan(0.95);
        forEachSeed({ limiter: "bbr", load: 10, upstream, deadlineMs }, ({ goodput, p50, shed }) => {
          expect(goodput).toBeGreaterThanOrEqual(0.9 * peak);
          expect(p50).toBeLessThanOrEqual(p50Max(upstream));
          expect(shed).toBeGreaterThan(0.89);
        });
      },
    );

    it("works from two seconds after the load came, on what is measured under it where nothing is known from before", () => {
      forEachSeed({ limiter: "bbr", load: 10, deadlineMs, warmUpMs: 0 }, ({ goodput, p50 }) => {
        expect(goodput).toBeGreaterThanOrEqual(0.9);
        expect(p50).toBeLessThanOrEqual(3);
      });
    });
  },
);

describe("a bbr limiter", () => {
  it("sheds nothing at 0.8 times of what the upstream can do, nor a second after an overload is over", () => {
    for (const upstream of UPSTREAMS) {
      forEachSeed({ limiter: "bbr", load: 0.8, upstream, deadlineMs: 1_000 }, ({ shed, goodput }) => {
        expect(shed).toBe(0);
        expect(goodput).toBeGreaterThan(0.75);
      });
    }
    forEachSeed({ limiter: "bbr", load: 10, deadlineMs: 1_000 }, ({ shedAfter }) =>
      expect(shedAfter).toBe(0),
    );
  });

  it("answers 99 of 100 calls within 300 ms where 16 are done at once in 80 ms", () => {
    forEachSeed(
      { limiter: "bbr", load: 10, upstream: { places: 16, serviceMs: 80, spread: 0 }, deadlineMs: 1_000 },
      ({ p99Ms }) => {
        expect(p99Ms).toBeLessThanOrEqual(300);
      },
    );
  });

  it("finds the new limit within eleven seconds when the upstream becomes twice as slow under four times its load", () => {
    for (const upstream of UPSTREAMS) {
      const scenario = {
        limiter: "bbr",
        load: 4,
        slowdown: 2,
        upstream,
        deadlineMs: 1_000,
        settlingMs: 11_000,
      } as const;
      forEachSeed(scenario, ({ goodput }) => expect(goodput).toBeGreaterThanOrEqual(0.9));
    }
  });

  it("sheds together with others that it knows nothing of", () => {
    const upstream = { places: 100, serviceMs: 50 };
    forEachSeed(
      { limiter: "bbr", load: 10, isolates: 4, upstream, deadlineMs: 1_000 },
      ({ goodput, p50 }) => {
        expect(goodput).toBeGreaterThanOrEqual(0.9);
        expect(p50).toBeLessThanOrEqual(3);
      },
    );
  });

  it("sheds the less critical work first", () => {
    const mix = { critical_plus: 0.1, critical: 0.4, sheddable_plus: 0.3, sheddable: 0.2 };
    forEachSeed({ limiter: "bbr", load: 2, mix, deadlineMs: 1_000 }, ({ shedOf }) => {
      expect(shedOf("critical_plus")).toBeLessThan(0.02);
      expect(shedOf("critical")).toBeLessThan(0.15);
      expect(shedOf("sheddable_plus")).toBeGreaterThan(0.7);
      expect(shedOf("sheddable")).toBeGreaterThan(0.95);
    });
  });
});

describe("an upstream behind no limiter", () => {
  it("does nothing in time at three times of what it can do, or makes clients wait that wait for anything", () => {
    forEachSeed({ limiter: "none", load: 3, deadlineMs: 1_000 }, ({ goodput }) =>
      expect(goodput).toBeLessThan(0.05),
    );
    forEachSeed({ limiter: "none", load: 3 }, ({ p50, goodput }) => {
      expect(goodput).toBeGreaterThan(0.95);
      expect(p50).toBeGreaterThan(100);
    });
  });
});

describe("the other limiters", () => {
  it.each(OVERLOAD_LIMITERS)(
    "%s keeps half of the goodput at ten times the load, and admits nearly all at half of it",
    (limiter) => {
      forEachSeed({ limiter, load: 10, deadlineMs: 1_000 }, ({ goodput }) =>
        expect(goodput).toBeGreaterThan(0.5),
      );
      forEachSeed({ limiter, load: 0.5, deadlineMs: 1_000 }, ({ shed }) => expect(shed).toBeLessThan(0.05));
    },
  );
});

describe("the simulation", () => {
  it("ends the same for the same seed, and fits into a table", () => {
    const scenario = { limiter: "bbr", load: 2, seed: 7 } as const;
    expect(simulateOverload(scenario).p50).toBe(simulateOverload(scenario).p50);
    expect(overloadTable().split("\n")).toHaveLength(7);
  });
});
