import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExactLog, type ExactLogState } from "../../../src/resilience/quota/exact-log.ts";
import { keepsTheLawsOfQuotas, stepsOf } from "../support/rate-quota-laws.ts";

const options = fc.record({
  limit: fc.integer({ min: 1, max: 100 }),
  windowMs: fc.integer({ min: 1, max: 60_000 }),
});

describe("the exact log", () => {
  keepsTheLawsOfQuotas(
    options.map((limit) => ({
      burst: limit.limit,
      windowMs: limit.windowMs,
      make: (state) => new ExactLog(limit, state as ExactLogState | undefined),
    })),
  );

  it("decides as a list of all admitted times does", () => {
    fc.assert(
      fc.property(
        options.chain((limit) =>
          fc.tuple(fc.constant(limit), stepsOf(limit.windowMs, Math.ceil(limit.limit / 3), ["take"])),
        ),
        ([{ limit, windowMs }, steps]) => {
          const log = new ExactLog({ limit, windowMs });
          const admittedAtMs: number[] = [];
          let nowMs = 1000;
          for (const { afterMs, cost } of steps) {
            nowMs += afterMs;
            const used = admittedAtMs.filter((atMs) => atMs > nowMs - windowMs).length;
            const decision = log.take(nowMs, cost);
            expect(decision.allowed).toBe(used + cost <= limit);
            if (decision.allowed) admittedAtMs.push(...Array.from({ length: cost }, () => nowMs));
            expect(decision.remaining).toBe(limit - used - (decision.allowed ? cost : 0));
          }
        },
      ),
    );
  });

  it("frees a unit a window after its own ms", () => {
    const log = new ExactLog({ limit: 2, windowMs: 1000 });
    expect(log.take(100, 1)).toEqual({ allowed: true, remaining: 1, resetMs: 1000, retryAfterMs: 0 });
    expect(log.take(300, 1)).toEqual({ allowed: true, remaining: 0, resetMs: 800, retryAfterMs: 0 });
    expect(log.take(1099, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 1, retryAfterMs: 1 });
    expect(log.take(1099, 2)).toEqual({ allowed: false, remaining: 0, resetMs: 201, retryAfterMs: 201 });
    expect(log.take(1100, 1)).toEqual({ allowed: true, remaining: 0, resetMs: 200, retryAfterMs: 0 });
  });

  it("is idle a window after its newest unit, wherever that stands in the ring", () => {
    const log = new ExactLog({ limit: 5, windowMs: 1000 });
    log.take(100, 1);
    log.take(300, 2);
    expect(log.idleAtMs).toBe(1300);
    log.take(1150, 2);
    log.take(1200, 1);
    expect(log.idleAtMs).toBe(2200);
  });

  it("keeps no more than the last limit of units", () => {
    const log = new ExactLog({ limit: 3, windowMs: 1000 });
    for (let atMs = 0; atMs < 5; atMs++) log.absorb(atMs, 1);
    expect(log.state).toEqual({ kind: "log", limit: 3, windowMs: 1000, times: [2, 3, 4], atMs: 4 });
    log.absorb(5, 1000);
    expect(log.state.times).toEqual([5, 5, 5]);
    log.giveBack(6, 2);
    expect(log.state).toMatchObject({ times: [5], atMs: 6 });
    expect(log.idleAtMs).toBe(1005);
    log.giveBack(7, 2);
    expect(log.idleAtMs).toBe(7);
  });

  it.each([
    [{ limit: 0, windowMs: 1000 }, "limit must be an integer in [1, 1000000], got 0"],
    [{ limit: 101, windowMs: 1000 }, "limit must be an integer in [1, 100], got 101"],
    [{ limit: 5, windowMs: 0 }, "windowMs must be an integer in [1, 86400000], got 0"],
  ])("refuses %o", (limit, message) => {
    expect(() => new ExactLog(limit)).toThrow(new RangeError(message));
  });
});
