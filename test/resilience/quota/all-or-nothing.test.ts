import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { takeAll } from "../../../src/resilience/quota/all-or-nothing.ts";
import { ExactLog } from "../../../src/resilience/quota/exact-log.ts";
import type { RateDecision, RateQuota } from "../../../src/resilience/quota/rate-limit.ts";

const log = (limit: number, windowMs = 1000): ExactLog => new ExactLog({ limit, windowMs });

/** A quota that always decides the same. */
function always(decision: RateDecision): RateQuota {
  const state = { kind: "always", limit: 1, windowMs: 1 };
  return {
    peek: () => decision,
    take: () => decision,
    absorb: () => undefined,
    giveBack: () => undefined,
    state,
    idleAtMs: 0,
  };
}

const allowed = (remaining: number, resetMs: number): RateDecision => ({
  allowed: true,
  remaining,
  resetMs,
  retryAfterMs: 0,
});
const denied = (remaining: number, retryAfterMs: number): RateDecision => ({
  allowed: false,
  remaining,
  resetMs: retryAfterMs,
  retryAfterMs,
});

describe("several limits at once", () => {
  it("take from all of them", () => {
    const quotas = [log(5), log(3), log(4)];
    expect(takeAll(0, 2, quotas)).toEqual({ allowed: true, remaining: 1, resetMs: 1000, retryAfterMs: 0 });
    expect(quotas.map((quota) => quota.peek(0, 1).remaining)).toEqual([3, 1, 2]);
  });

  it("take from none if one denies", () => {
    const quotas = [log(5), log(3), log(4)];
    takeAll(0, 2, quotas);
    expect(takeAll(10, 2, quotas)).toEqual({ allowed: false, remaining: 1, resetMs: 990, retryAfterMs: 990 });
    expect(quotas.map((quota) => quota.peek(10, 1).remaining)).toEqual([3, 1, 2]);
  });

  it.each([
    ["the denial", [allowed(0, 9), denied(3, 1), allowed(0, 9)], 1],
    ["the longest wait", [denied(0, 5), denied(2, 7), denied(0, 6)], 1],
    ["the first of equal waits", [denied(1, 5), denied(2, 5)], 0],
    ["the least that is left", [allowed(3, 9), allowed(2, 1), allowed(4, 99)], 1],
    ["the latest reset where as much is left", [allowed(2, 1), allowed(2, 3), allowed(2, 2)], 1],
    ["the first of equal ones", [allowed(2, 1), allowed(2, 1)], 0],
  ] as const)("answer %s", (_what, decisions, tightest) => {
    expect(takeAll(0, 1, decisions.map(always))).toBe(decisions[tightest]);
  });

  it("allow at the end of the told wait, and not before", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 1000 })), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.array(fc.nat(300), { maxLength: 20 }),
        (limits, gaps) => {
          const quotas = limits.map(([limit, windowMs]) => log(limit, windowMs));
          let nowMs = 0;
          for (const gap of gaps) {
            nowMs += gap;
            const { allowed, retryAfterMs } = takeAll(nowMs, 1, quotas);
            if (allowed) continue;
            expect(takeAll(nowMs + retryAfterMs - 1, 1, quotas).allowed).toBe(false);
            nowMs += retryAfterMs;
            expect(takeAll(nowMs, 1, quotas).allowed).toBe(true);
          }
        },
      ),
    );
  });

  it("are at least one and at most 16", () => {
    const sixteen = Array.from({ length: 16 }, () => log(1));
    expect(takeAll(0, 1, sixteen).allowed).toBe(true);
    expect(() => takeAll(0, 1, [])).toThrow(
      new RangeError("quotas.length must be an integer in [1, 16], got 0"),
    );
    expect(() => takeAll(0, 1, [...sixteen, log(1)])).toThrow(
      new RangeError("quotas.length must be an integer in [1, 16], got 17"),
    );
  });
});
