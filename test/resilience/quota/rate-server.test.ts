import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quotaFor } from "../../../src/resilience/quota/quota-for.ts";
import type { RateQuota } from "../../../src/resilience/quota/rate-limit.ts";
import { answerAsk, leaseHoldMs } from "../../../src/resilience/quota/rate-server.ts";

const LIMIT = { limit: 100, windowMs: 1000 };

/** A quota of 100 per second of which this many are left. */
function withLeft(left: number): RateQuota {
  const quota = quotaFor(LIMIT);
  quota.take(0, 100 - left);
  return quota;
}

const lease = (quota: RateQuota, want: number, need?: number, returned = 0) =>
  answerAsk(
    quota,
    LIMIT,
    0,
    need === undefined ? { kind: "lease", want, returned } : { kind: "lease", want, returned, need },
  );

describe("the server of a client's quota", () => {
  it("decides requests one by one", () => {
    const quota = withLeft(3);
    expect(answerAsk(quota, LIMIT, 0, { kind: "take", cost: 2 })).toEqual({
      allowed: true,
      remaining: 1,
      resetMs: 1000,
      retryAfterMs: 0,
      granted: 0,
      holdMs: 0,
      counted: 0,
    });
    expect(answerAsk(quota, LIMIT, 10, { kind: "take", cost: 2 })).toMatchObject({
      allowed: false,
      remaining: 1,
      retryAfterMs: 990,
    });
  });

  it("counts what a request brings along before it decides", () => {
    const quota = withLeft(10);
    expect(answerAsk(quota, LIMIT, 0, { kind: "take", cost: 1, count: 9 })).toMatchObject({
      allowed: true,
      remaining: 0,
      counted: 9,
    });
    expect(answerAsk(quota, LIMIT, 0, { kind: "take", cost: 1, count: 3 })).toMatchObject({
      allowed: false,
      counted: 3,
    });
  });

  it("counts reports, and tells whether one more would pass", () => {
    const quota = withLeft(10);
    const report = { kind: "report", count: 9 } as const;
    expect(answerAsk(quota, LIMIT, 0, report)).toMatchObject({
      allowed: true,
      remaining: 1,
      counted: 9,
      granted: 0,
      holdMs: 0,
    });
    expect(answerAsk(quota, LIMIT, 0, report)).toMatchObject({
      allowed: false,
      remaining: 0,
      retryAfterMs: 1000,
      counted: 9,
    });
  });

  it("takes units back, and tells whether one more would pass", () => {
    const quota = withLeft(0);
    expect(answerAsk(quota, LIMIT, 0, { kind: "give_back", cost: 0 })).toMatchObject({ allowed: false });
    expect(answerAsk(quota, LIMIT, 0, { kind: "give_back", cost: 2 })).toMatchObject({
      allowed: true,
      remaining: 2,
      granted: 0,
      holdMs: 0,
    });
  });

  it("leases a quarter of the window long, within 250 ms and a second", () => {
    const holds = [1, 1000, 1003, 1004, 2000, 4000, 4004, 60_000].map((windowMs) =>
      leaseHoldMs({ limit: 1, windowMs }),
    );
    expect(holds).toEqual([250, 250, 250, 251, 500, 1000, 1000, 1000]);
  });

  it("counts leased units when it grants them", () => {
    const quota = withLeft(100);
    expect(lease(quota, 10)).toEqual({
      allowed: true,
      remaining: 90,
      resetMs: 1000,
      retryAfterMs: 0,
      granted: 10,
      holdMs: 250,
    });
    expect(quota.peek(0, 1).remaining).toBe(90);
  });

  it("gives a holder half of what is left at most, two units less", () => {
    const quota = withLeft(42);
    expect(lease(quota, 80)).toMatchObject({ allowed: true, granted: 1 + 19, remaining: 22 });
  });

  it("gives a holder its share, by its part in the whole use", () => {
    // It wants 5 in 250 ms, 20 in the window; the client has used 50.
    expect(lease(withLeft(51), 5)).toMatchObject({ granted: 5 });
    // It wants 10 in 250 ms, 40 in the window; the client has used 80: half of half of 18.
    expect(lease(withLeft(21), 10)).toMatchObject({ granted: 1 + 4 });
  });

  it("gives what a request needs as long as there is as much, and nothing else near the limit", () => {
    expect(lease(withLeft(5), 50, 4)).toMatchObject({ allowed: true, granted: 4, remaining: 1 });
    expect(lease(withLeft(4), 50, 4)).toMatchObject({ allowed: true, granted: 4, remaining: 0 });
    expect(lease(withLeft(1), 50)).toMatchObject({ allowed: true, granted: 1, remaining: 0 });
  });

  it("grants nothing to whom it denies", () => {
    const quota = withLeft(3);
    expect(lease(quota, 50, 4)).toEqual({
      allowed: false,
      remaining: 3,
      resetMs: 1000,
      retryAfterMs: 1000,
      granted: 0,
      holdMs: 0,
    });
    expect(lease(withLeft(0), 5)).toMatchObject({ allowed: false, granted: 0 });
  });

  it("takes units back before it leases", () => {
    expect(lease(withLeft(0), 1, 1, 5)).toMatchObject({ allowed: true, granted: 1, remaining: 4 });
  });

  it("grants what is needed even where less is wanted, and nothing where nothing is", () => {
    expect(lease(withLeft(50), 1, 3)).toMatchObject({ allowed: true, granted: 3 });
    expect(lease(withLeft(100), 0, 0)).toMatchObject({ allowed: true, granted: 0, remaining: 100 });
    expect(lease(withLeft(100), 8, 0)).toMatchObject({ granted: 8 });
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "counts and grants nothing for amounts like %s",
    (amount) => {
      const quota = withLeft(40);
      expect(answerAsk(quota, LIMIT, 0, { kind: "take", cost: amount })).toMatchObject({
        allowed: false,
        remaining: 40,
      });
      expect(answerAsk(quota, LIMIT, 0, { kind: "take", cost: 0, count: amount })).toMatchObject({
        remaining: 40,
        counted: 0,
      });
      expect(answerAsk(quota, LIMIT, 0, { kind: "report", count: amount })).toMatchObject({
        remaining: 40,
        counted: 0,
      });
      expect(answerAsk(quota, LIMIT, 0, { kind: "give_back", cost: amount })).toMatchObject({
        remaining: 40,
      });
      expect(lease(quota, amount, amount, amount)).toMatchObject({
        allowed: false,
        granted: 0,
        remaining: 40,
      });
      expect(lease(quota, amount, 0, 0)).toMatchObject({ granted: 0, remaining: 40 });
    },
  );

  it("counts no more than the limit at once", () => {
    expect(answerAsk(withLeft(100), LIMIT, 0, { kind: "report", count: 5000 })).toMatchObject({
      counted: 100,
      remaining: 0,
    });
  });

  it("never grants less than is needed, more than is wanted, or what it hasn't", () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(150), fc.nat(150), (left, want, need) => {
        const { allowed, granted, remaining } = lease(withLeft(left), want, need);
        expect(allowed).toBe(need <= left);
        expect(granted + remaining).toBe(left);
        expect(granted).toBeGreaterThanOrEqual(allowed ? need : 0);
        expect(granted).toBeLessThanOrEqual(Math.max(need, want));
        expect(granted - (allowed ? need : 0)).toBeLessThanOrEqual(allowed ? (left - need) / 2 : 0);
      }),
    );
  });
});
