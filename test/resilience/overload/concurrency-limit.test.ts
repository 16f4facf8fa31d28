import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ConcurrencyLimit,
  type ConcurrencyLimitOptions,
  type LimitRule,
} from "../../../src/resilience/overload/concurrency-limit.ts";
import type { Criticality } from "../../../src/resilience/overload/criticality.ts";
import type { WorkOutcome } from "../../../src/resilience/overload/overload-limiter.ts";

const T0 = 1_800_000_000_000;
const STEADY: LimitRule = ({ limit }) => limit;

/** How many are let in until one isn't. */
function fill(limit: ConcurrencyLimit, criticality: Criticality = "critical_plus"): number {
  let admitted = 0;
  while (admitted < 10_000 && limit.admit(T0, criticality)) admitted += 1;
  return admitted;
}

describe("a concurrency limit", () => {
  it("admits as many as its limit, and one more for each that ends", () => {
    const limit = new ConcurrencyLimit(STEADY);
    expect(fill(limit)).toBe(64);
    expect(limit.view(T0).inFlight).toBe(64);
    limit.done(T0, T0, "success");
    expect(limit.view(T0).inFlight).toBe(63);
    expect(fill(limit)).toBe(1);
  });

  it("counts what waits on purpose neither as slow nor as being worked at", () => {
    const seen: unknown[] = [];
    const limit = new ConcurrencyLimit(({ limit: last, rtMs }) => {
      seen.push(rtMs);
      return last;
    });
    for (let work = 0; work < 500; work += 1) {
      limit.admit(T0, "critical_plus");
      limit.done(T0 + 200, T0, "success", 150);
    }
    expect(new Set(seen)).toEqual(new Set([50]));
    // A quarter of all is worked at: four times as many may be in flight.
    expect(fill(limit)).toBeGreaterThanOrEqual(250);
    expect(fill(limit)).toBeLessThanOrEqual(260);
    // And no longer where nothing waits any more.
    for (let work = 0; work < 500; work += 1) limit.done(T0 + 200, T0, "success");
    while (limit.view(T0).inFlight > 0) limit.done(T0, T0, "none");
    expect(fill(limit)).toBeLessThanOrEqual(65);
  });

  it("keeps a part of the limit for those who are dearer", () => {
    const limit = new ConcurrencyLimit(STEADY);
    expect(fill(limit, "sheddable")).toBe(32);
    expect(fill(limit, "sheddable_plus")).toBe(44 - 32);
    expect(fill(limit, "critical")).toBe(57 - 44);
    expect(fill(limit, "critical_plus")).toBe(64 - 57);
    expect(limit.view(T0).inFlight).toBe(64);
  });

  it("always has a place, even for the least", () => {
    const limit = new ConcurrencyLimit(STEADY, { initialLimit: 1, minLimit: 1 });
    expect(fill(limit, "sheddable")).toBe(1);
  });

  it("asks its rule about each piece of work that ends", () => {
    const asked: Parameters<LimitRule>[0][] = [];
    const limit = new ConcurrencyLimit((sample) => (asked.push(sample), sample.limit + 1.5));
    limit.admit(T0, "critical");
    limit.admit(T0, "critical");
    limit.done(T0 + 30, T0, "overloaded");
    limit.done(T0 - 30, T0, "failure");
    expect(asked).toEqual([
      { limit: 64, rtMs: 30, inFlight: 2, outcome: "overloaded" },
      { limit: 65.5, rtMs: 0, inFlight: 1, outcome: "failure" },
    ]);
    expect(limit.view(T0).limit).toBe(67);
    limit.done(T0, T0, "success");
    expect(limit.view(T0)).toEqual({ inFlight: 0, limit: 68, shedding: false });
  });

  it("stays within its least and its greatest limit, whatever the rule says", () => {
    const answers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 20 });
    fc.assert(
      fc.property(answers, (answers) => {
        let next = 0;
        const limit = new ConcurrencyLimit(() => next, { initialLimit: 50, minLimit: 40, maxLimit: 60 });
        for (next of answers) {
          limit.done(T0, T0, "success");
          expect(limit.view(T0).limit).toBe(Math.floor(Math.min(60, Math.max(40, next))));
        }
      }),
    );
    const least = new ConcurrencyLimit(() => 0);
    least.done(T0, T0, "success");
    expect(least.view(T0).limit).toBe(32);
    const greatest = new ConcurrencyLimit(() => 5_000);
    greatest.done(T0, T0, "success");
    expect(greatest.view(T0).limit).toBe(1_000);
  });

  it("never has more in flight than the greatest limit, nor fewer than none", () => {
    const outcome = fc.constantFrom<WorkOutcome>("success", "failure", "overloaded");
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(null), outcome), { maxLength: 200 }), (steps) => {
        const limit = new ConcurrencyLimit(({ limit, outcome }) => limit + (outcome === "success" ? 1 : -1), {
          initialLimit: 5,
          minLimit: 2,
          maxLimit: 8,
        });
        let inFlight = 0;
        for (const outcome of steps) {
          const before = limit.view(T0).limit;
          if (outcome === null) inFlight += limit.admit(T0, "critical_plus") ? 1 : 0;
          else {
            limit.done(T0, T0, outcome);
            inFlight = Math.max(0, inFlight - 1);
          }
          expect(limit.view(T0).inFlight).toBe(inFlight);
          expect(inFlight).toBeLessThanOrEqual(8);
          // What was refused was refused for the limit.
          expect(outcome !== null || inFlight >= before || limit.admit(T0, "critical_plus")).toBe(true);
          inFlight = limit.view(T0).inFlight;
        }
      }),
    );
  });

  it("shows for a second that it has shed, and nothing after the clock has stepped back", () => {
    const limit = new ConcurrencyLimit(STEADY, { initialLimit: 1, minLimit: 1 });
    expect(limit.view(T0).shedding).toBe(false);
    fill(limit);
    expect(limit.view(T0)).toEqual({ inFlight: 1, limit: 1, shedding: true });
    expect(limit.view(T0 + 999).shedding).toBe(true);
    expect(limit.view(T0 + 1_000).shedding).toBe(false);
    expect(limit.view(T0 - 1).shedding).toBe(false);
  });

  it("refuses options out of range, and takes those at their edges", () => {
    const make = (options: ConcurrencyLimitOptions) => () => new ConcurrencyLimit(STEADY, options);
    expect(make({ maxLimit: 0 })).toThrow(
      new RangeError("maxLimit must be an integer in [1, 100000], got 0"),
    );
    expect(make({ maxLimit: 100_001 })).toThrow(
      new RangeError("maxLimit must be an integer in [1, 100000], got 100001"),
    );
    expect(make({ minLimit: 0 })).toThrow(new RangeError("minLimit must be an integer in [1, 1000], got 0"));
    expect(make({ minLimit: 9, maxLimit: 8 })).toThrow(
      new RangeError("minLimit must be an integer in [1, 8], got 9"),
    );
    expect(make({ initialLimit: 31 })).toThrow(
      new RangeError("initialLimit must be an integer in [32, 1000], got 31"),
    );
    expect(make({ initialLimit: 1_001 })).toThrow(
      new RangeError("initialLimit must be an integer in [32, 1000], got 1001"),
    );
    expect(make({ initialLimit: 40.5 })).toThrow(
      new RangeError("initialLimit must be an integer in [32, 1000], got 40.5"),
    );
    expect(make({ initialLimit: 1, minLimit: 1, maxLimit: 1 })).not.toThrow();
    expect(make({ initialLimit: 100_000, maxLimit: 100_000 })).not.toThrow();
  });
});
