import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TripWindow } from "../../../src/resilience/breaker/trip-window.ts";

const T0 = 1_000_000;

function windowOf(successes: number, failures: number, rule = {}): TripWindow {
  const window = new TripWindow(rule);
  window.add(T0, "success", successes);
  window.add(T0, "failure", failures);
  return window;
}

describe("the trip rule", () => {
  it("concludes nothing from fewer than 20 calls", () => {
    expect(windowOf(0, 19).isFailing(T0)).toBe(false);
    expect(windowOf(0, 20).isFailing(T0)).toBe(true);
    expect(windowOf(10, 10).isFailing(T0)).toBe(true);
  });

  it("holds from half of the calls on", () => {
    expect(windowOf(51, 49).isFailing(T0)).toBe(false);
    expect(windowOf(50, 50).isFailing(T0)).toBe(true);
  });

  it("holds exactly at a ratio that has no exact binary form", () => {
    expect(windowOf(27, 3, { failureRatio: 0.1 }).isFailing(T0)).toBe(true);
    expect(windowOf(28, 2, { failureRatio: 0.1 }).isFailing(T0)).toBe(false);
  });

  it("does not trip on old failures after an hour's idle", () => {
    const window = windowOf(0, 100);
    window.add(T0 + 3_600_000, "failure");
    expect(window.isFailing(T0 + 3_600_000)).toBe(false);
    expect([window.total(T0 + 3_600_000), window.failures(T0 + 3_600_000)]).toEqual([1, 1]);
  });

  it("counts a failure for as long as its bucket is in the window", () => {
    expect(windowOf(0, 20).isFailing(T0 + 9_999)).toBe(true);
    expect(windowOf(0, 20).isFailing(T0 + 10_000)).toBe(false);
  });

  it("counts on when the clock is set back for good, whoever reads it", () => {
    const window = windowOf(0, 20);
    const setBackMs = T0 - 600_000;
    window.add(setBackMs, "failure", 20);
    for (let call = 1; call <= 5; call += 1) {
      expect([window.total(setBackMs + call), window.failures(setBackMs + call)]).toEqual([40, 40]);
      expect(window.isFailing(setBackMs + call)).toBe(true);
    }
  });

  it("counts what is told late as of when it was, and for as long", () => {
    const window = new TripWindow();
    window.addLate(T0, "failure", 20, 6_000);
    window.addLate(T0, "success", 5, 0);
    expect(window.isFailing(T0)).toBe(true);
    expect(window.isFailing(T0 + 3_999)).toBe(true);
    expect(window.isFailing(T0 + 4_000)).toBe(false);
    expect([window.total(T0 + 4_000), window.failures(T0 + 4_000)]).toEqual([5, 0]);
  });

  it("takes what is told late for no newer failure than it has seen itself", () => {
    const window = windowOf(0, 20);
    window.addLate(T0, "failure", 1, 9_000);
    window.addLate(T0, "failure", 0, 0);
    expect(window.isFailing(T0 + 9_000)).toBe(true);
  });

  it("forgets all on reset", () => {
    const window = windowOf(5, 20);
    expect([window.total(T0), window.failures(T0)]).toEqual([25, 20]);
    window.reset();
    expect(window.isFailing(T0)).toBe(false);
    expect([window.total(T0), window.failures(T0)]).toEqual([0, 0]);
  });

  it("equals the sums over the window, at every time", () => {
    const step = fc.record({
      waitMs: fc.nat(2_500),
      isFailure: fc.boolean(),
      count: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = new TripWindow();
        const list: { slot: number; isFailure: boolean; count: number }[] = [];
        let atMs = T0;
        for (const { waitMs, isFailure, count } of steps) {
          atMs += waitMs;
          window.add(atMs, isFailure ? "failure" : "success", count);
          list.push({ slot: Math.floor(atMs / 1_000), isFailure, count });
          const live = list.filter(({ slot }) => Math.floor(atMs / 1_000) - slot < 10);
          const total = live.reduce((sum, entry) => sum + entry.count, 0);
          const failures = live
            .filter((entry) => entry.isFailure)
            .reduce((sum, entry) => sum + entry.count, 0);
          expect(window.isFailing(atMs)).toBe(total >= 20 && failures / total >= 0.5);
        }
      }),
    );
  });

  it("refuses options out of range", () => {
    const make = (rule: object) => () => new TripWindow(rule);
    expect(make({ callsMin: 0 })).toThrow(
      new RangeError("callsMin must be an integer in [1, 1000000], got 0"),
    );
    expect(make({ callsMin: 1_000_001 })).toThrow(
      new RangeError("callsMin must be an integer in [1, 1000000], got 1000001"),
    );
    expect(make({ failureRatio: 0 })).toThrow(new RangeError("failureRatio must be in [0.01, 1], got 0"));
    expect(make({ failureRatio: 1.01 })).toThrow(
      new RangeError("failureRatio must be in [0.01, 1], got 1.01"),
    );
    expect(make({ windowMs: 5 })).toThrow(
      new RangeError("windowMs must be a multiple of buckets (10), got 5"),
    );
    expect(make({ failureRatio: 1, callsMin: 1 })).not.toThrow();
    expect(make({ failureRatio: 0.01 })).not.toThrow();
  });
});
