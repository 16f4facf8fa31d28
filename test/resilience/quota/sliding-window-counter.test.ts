import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  SlidingWindowCounter,
  type SlidingWindowCounterState,
} from "../../../src/resilience/quota/sliding-window-counter.ts";
import { keepsTheLawsOfQuotas, stepsOf } from "../support/rate-quota-laws.ts";

const options = fc.record({
  limit: fc.integer({ min: 1, max: 300 }),
  windowMs: fc.integer({ min: 1, max: 60_000 }),
  slices: fc.integer({ min: 1, max: 12 }),
});

describe("the sliding window counter", () => {
  keepsTheLawsOfQuotas(
    options.map((counter) => ({
      burst: counter.limit,
      windowMs: counter.windowMs,
      make: (state) => new SlidingWindowCounter(counter, state as SlidingWindowCounterState | undefined),
    })),
  );

  it("decides by the formula over all that was ever admitted", () => {
    fc.assert(
      fc.property(
        options.chain((counter) =>
          fc.tuple(fc.constant(counter), stepsOf(counter.windowMs, Math.ceil(counter.limit / 3), ["take"])),
        ),
        ([{ limit, windowMs, slices }, steps]) => {
          const counter = new SlidingWindowCounter({ limit, windowMs, slices });
          const admitted: { readonly slot: number; readonly cost: number }[] = [];
          let nowMs = 0;
          for (const { afterMs, cost } of steps) {
            nowMs += afterMs;
            const slot = Math.floor((nowMs * slices) / windowMs);
            const gone = nowMs * slices - slot * windowMs;
            const weightOf = (of: number): number =>
              of > slot - slices ? windowMs : of === slot - slices ? windowMs - gone : 0;
            const used = admitted.reduce((sum, unit) => sum + unit.cost * weightOf(unit.slot), 0);
            const allowed = used + cost * windowMs <= limit * windowMs;
            expect(counter.take(nowMs, cost).allowed).toBe(allowed);
            if (allowed) admitted.push({ slot, cost });
          }
        },
      ),
    );
  });

  it("is the classical counter of two windows if no slices are given", () => {
    const counter = new SlidingWindowCounter({ limit: 10, windowMs: 1000 });
    expect(counter.take(900, 10)).toEqual({ allowed: true, remaining: 0, resetMs: 200, retryAfterMs: 0 });
    expect(counter.take(1000, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 100, retryAfterMs: 100 });
    expect(counter.take(1099, 1).allowed).toBe(false);
    expect(counter.take(1100, 1)).toEqual({ allowed: true, remaining: 0, resetMs: 100, retryAfterMs: 0 });
    expect(counter.take(1550, 1)).toEqual({ allowed: true, remaining: 3, resetMs: 50, retryAfterMs: 0 });
    expect(counter.state).toEqual({
      kind: "slices",
      limit: 10,
      windowMs: 1000,
      slot: 1,
      counts: [10, 2],
      atMs: 1550,
    });
    expect(counter.idleAtMs).toBe(3000);
  });

  it("interpolates only the oldest slice", () => {
    const counter = new SlidingWindowCounter({ limit: 12, windowMs: 600, slices: 6 });
    counter.take(99, 12);
    expect(counter.peek(599, 1)).toMatchObject({ allowed: false, retryAfterMs: 10 });
    expect(counter.peek(608, 1).allowed).toBe(false);
    expect(counter.peek(609, 1).remaining).toBe(1);
    expect(counter.peek(650, 0).remaining).toBe(6);
    expect(counter.peek(699, 0).remaining).toBe(11);
    expect(counter.peek(700, 0)).toMatchObject({ remaining: 12, resetMs: 0 });
  });

  it("admits no more than the limit in any window less a slice", () => {
    fc.assert(
      fc.property(
        options
          .filter(({ slices }) => slices > 1)
          .chain((counter) =>
            fc.tuple(fc.constant(counter), stepsOf(counter.windowMs, Math.ceil(counter.limit / 3), ["take"])),
          ),
        ([{ limit, windowMs, slices }, steps]) => {
          const counter = new SlidingWindowCounter({ limit, windowMs, slices });
          const admitted: { readonly atMs: number; readonly cost: number }[] = [];
          let nowMs = 0;
          for (const { afterMs, cost } of steps) {
            nowMs += afterMs;
            if (counter.take(nowMs, cost).allowed) admitted.push({ atMs: nowMs, cost });
            const recent = admitted.filter(({ atMs }) => atMs > nowMs - windowMs * (1 - 1 / slices));
            expect(recent.reduce((sum, unit) => sum + unit.cost, 0)).toBeLessThanOrEqual(limit);
          }
        },
      ),
    );
  });

  it("gives back from the newest slices first", () => {
    const counter = new SlidingWindowCounter({ limit: 100, windowMs: 600, slices: 3 });
    counter.take(0, 5);
    counter.take(200, 6);
    counter.take(400, 7);
    counter.giveBack(400, 9);
    expect(counter.state.counts).toEqual([0, 5, 4, 0]);
    expect(counter.idleAtMs).toBe(1000);
    counter.giveBack(600, 6);
    expect(counter.state.counts).toEqual([3, 0, 0, 0]);
    expect(counter.idleAtMs).toBe(800);
  });

  it("keeps no more than eight limits, so that its sums stay exact", () => {
    const counter = new SlidingWindowCounter({ limit: 100, windowMs: 600, slices: 3 });
    counter.absorb(0, 799);
    counter.absorb(200, 2);
    expect(counter.state.counts).toEqual([0, 0, 799, 1]);
  });

  it.each([
    [{ limit: 0, windowMs: 1000 }, "limit must be an integer in [1, 1000000], got 0"],
    [{ limit: 5, windowMs: 0 }, "windowMs must be an integer in [1, 86400000], got 0"],
    [{ limit: 5, windowMs: 1000, slices: 0 }, "slices must be an integer in [1, 12], got 0"],
    [{ limit: 5, windowMs: 1000, slices: 13 }, "slices must be an integer in [1, 12], got 13"],
  ])("refuses %o", (counter, message) => {
    expect(() => new SlidingWindowCounter(counter)).toThrow(new RangeError(message));
  });
});
