import { describe, expect, it } from "vitest";
import { UnreachableQuota } from "../../../src/resilience/quota/unreachable-quota.ts";

describe("a quota whose server can't be reached", () => {
  it("refuses if it is closed", () => {
    expect(new UnreachableQuota({ limit: 10, windowMs: 1000 }, "closed").decide(0, 1)).toBeNull();
  });

  it("admits an eighth of the limit at once if it is open, and then the limit's rate", () => {
    const quota = new UnreachableQuota({ limit: 80, windowMs: 8000 }, "open");
    for (let unit = 9; unit >= 0; unit--)
      expect(quota.decide(0, 1)).toMatchObject({ allowed: true, remaining: unit });
    expect(quota.decide(0, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 100, retryAfterMs: 100 });
    let admitted = 0;
    for (let atMs = 0; atMs <= 8000; atMs += 10) if (quota.decide(atMs, 1)?.allowed === true) admitted += 1;
    expect(admitted).toBe(80);
  });

  it("has no more of its burst than the server said was left, and the rate from then on", () => {
    const quota = new UnreachableQuota({ limit: 80, windowMs: 8000 }, "open");
    quota.know(0, 3);
    quota.know(0, 50);
    const atOnce = (atMs: number): number => {
      let admitted = 0;
      while (quota.decide(atMs, 1)?.allowed === true) admitted += 1;
      return admitted;
    };
    expect([atOnce(0), atOnce(200), atOnce(10_000)]).toEqual([3, 2, 10]);
    const closed = new UnreachableQuota({ limit: 80, windowMs: 8000 }, "closed");
    closed.know(0, 0);
    expect(closed.decide(0, 1)).toBeNull();
  });

  it("admits at least one unit at once", () => {
    const quota = new UnreachableQuota({ limit: 3, windowMs: 3000 }, "open");
    expect([
      quota.decide(0, 1)?.allowed,
      quota.decide(0, 1)?.allowed,
      quota.decide(1000, 1)?.allowed,
    ]).toEqual([true, false, true]);
  });

  it("lets a request that costs more than the burst pass for the whole burst", () => {
    const quota = new UnreachableQuota({ limit: 80, windowMs: 8000 }, "open");
    expect([
      quota.decide(0, 11)?.allowed,
      quota.decide(999, 11)?.allowed,
      quota.decide(1000, 80)?.allowed,
    ]).toEqual([true, false, true]);
  });

  it.each(["open", "closed"] as const)("refuses a limit that is none (%s)", (onUnreachable) => {
    expect(() => new UnreachableQuota({ limit: 0, windowMs: 1 }, onUnreachable)).toThrow(
      "limit must be an integer in [1, 1000000], got 0",
    );
  });
});
