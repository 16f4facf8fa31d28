import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LeasedQuota } from "../../../src/resilience/quota/leased-quota.ts";
import type { RateAnswer } from "../../../src/resilience/quota/rate-limit.ts";
import { leaseHoldMs } from "../../../src/resilience/quota/rate-server.ts";
import { LATE_MS, QuotaWire, wireSteps } from "../support/quota-wire.ts";

/** Its hold is 1000 ms, and 10 ms are as long as it takes to free a unit. */
const LIMIT = { limit: 1000, windowMs: 10_000 };

const grant = (granted: number, remaining = 500): RateAnswer => ({
  allowed: true,
  remaining,
  resetMs: 40,
  retryAfterMs: 0,
  granted,
  holdMs: 1000,
});
const denial = (retryAfterMs: number): RateAnswer => ({
  ...grant(0, 0),
  allowed: false,
  resetMs: retryAfterMs,
  retryAfterMs,
  holdMs: 0,
});

/** A holder that has these units since `atMs`, beside the one it got for the request that asked. */
function holding(units: number, atMs: number): LeasedQuota {
  const quota = new LeasedQuota(LIMIT, "closed");
  quota.ask(atMs, 1);
  quota.answered(atMs, 1, grant(units + 1));
  return quota;
}

/** A holder that was denied at `atMs`, for 10 ms: its client sends more than its limit. */
function pressed(atMs: number): LeasedQuota {
  const quota = new LeasedQuota(LIMIT, "closed");
  quota.ask(atMs, 1);
  quota.answered(atMs, 1, denial(10));
  return quota;
}

function spend(quota: LeasedQuota, nowMs: number, units: number): void {
  for (let unit = 0; unit < units; unit++) expect(quota.decide(nowMs, 1)?.allowed).toBe(true);
}

/** What the quota holds, which it hands over with that. */
function heldBy(quota: LeasedQuota, nowMs: number): number {
  const last = quota.parting(nowMs);
  return last?.kind === "give_back" ? last.cost : 0;
}

describe("a leased quota", () => {
  it("asks for a lease of one at first, and holds nothing after that", () => {
    const quota = new LeasedQuota(LIMIT, "closed");
    expect(quota.decide(0, 1)).toBeNull();
    expect(quota.ask(0, 1)).toEqual({ kind: "lease", want: 1, returned: 0, need: 1 });
    expect(quota.answered(20, 1, grant(1))).toEqual({
      allowed: true,
      remaining: 500,
      resetMs: 40,
      retryAfterMs: 0,
    });
    expect([quota.background(20), quota.parting(20), quota.decide(30, 1)]).toEqual([null, null, null]);
  });

  it("decides alone while it holds units, and counts them as remaining", () => {
    const quota = holding(2, 0);
    expect(quota.decide(10, 1)).toEqual({ allowed: true, remaining: 501, resetMs: 30, retryAfterMs: 0 });
    expect(quota.decide(40, 1)).toEqual({ allowed: true, remaining: 500, resetMs: 10, retryAfterMs: 0 });
    expect(quota.decide(40, 1)).toBeNull();
  });

  it("never tells of more than the limit", () => {
    const quota = new LeasedQuota(LIMIT, "closed");
    quota.ask(0, 1);
    expect(quota.answered(0, 1, grant(50, 990))).toMatchObject({ remaining: 1000 });
  });

  it("spends no unit after its lease, which lasts from the ask on, and gives it back", () => {
    const quota = new LeasedQuota(LIMIT, "closed");
    quota.ask(0, 1);
    quota.answered(300, 1, grant(4));
    expect(quota.decide(999, 1)?.allowed).toBe(true);
    expect(quota.background(999)).toBeNull();
    expect(quota.decide(1000, 1)).toBeNull();
    expect(quota.background(1000)).toEqual({ kind: "give_back", cost: 2 });
    expect(quota.background(1000)).toBeNull();
  });

  it("returns unused units with the next ask", () => {
    const quota = holding(5, 0);
    expect(quota.ask(1000, 1)).toEqual({ kind: "lease", want: 1, returned: 5, need: 1 });
    expect(quota.ask(1000, 1)).toMatchObject({ returned: 0 });
  });

  it("hands over all it holds when it is forgotten, once", () => {
    const quota = holding(5, 0);
    quota.ask(900, 1);
    quota.answered(900, 1, grant(4));
    quota.decide(1000, 1);
    expect(quota.parting(1000)).toEqual({ kind: "give_back", cost: 7 });
    expect([quota.parting(1000), quota.decide(1000, 1)]).toEqual([null, null]);
    expect(heldBy(holding(5, 0), 0)).toBe(5);
    expect(heldBy(holding(5, 0), 1000)).toBe(5);
  });

  it("sizes its asks by what it used in the last hold", () => {
    const quota = holding(40, 0);
    spend(quota, 10, 40);
    expect(quota.ask(20, 1)).toMatchObject({ want: 41, need: 1 });
    expect(quota.ask(1020, 50)).toMatchObject({ want: 50, need: 50 });
    expect(quota.ask(2020, 1)).toMatchObject({ want: 1 });
  });

  it("prefetches when a quarter is left, one ask at a time", () => {
    const quota = holding(100, 0);
    spend(quota, 10, 79);
    // 80 used, 21 left.
    expect(quota.background(10)).toBeNull();
    spend(quota, 10, 1);
    expect(quota.background(10)).toEqual({ kind: "lease", want: 81, returned: 0 });
    expect(quota.background(10)).toBeNull();
    quota.learned(30, grant(60));
    expect(heldBy(quota, 30)).toBe(80);
  });

  it("prefetches when a quarter of the hold is left", () => {
    const quota = holding(100, 0);
    spend(quota, 10, 40);
    expect([quota.background(749), quota.background(750)]).toEqual([
      null,
      { kind: "lease", want: 41, returned: 0 },
    ]);
  });

  it("brings what ended along with a prefetch", () => {
    const quota = holding(100, 0);
    spend(quota, 10, 40);
    expect(quota.background(1000)).toEqual({ kind: "lease", want: 41, returned: 60 });
  });

  it("counts a prefetched lease from its ask on", () => {
    const quota = holding(100, 0);
    spend(quota, 10, 100);
    quota.background(100);
    quota.learned(400, grant(5));
    spend(quota, 1099, 1);
    expect(quota.decide(1100, 1)).toBeNull();
  });

  it("learns what is left from a prefetch", () => {
    const quota = holding(100, 0);
    spend(quota, 10, 100);
    quota.background(100);
    quota.learned(110, { ...grant(5, 300), resetMs: 70 });
    expect(quota.decide(120, 1)).toEqual({ allowed: true, remaining: 304, resetMs: 60, retryAfterMs: 0 });
  });

  it("takes an answer in the background only if it waits for one", () => {
    const quota = holding(0, 0);
    quota.learned(0, grant(60));
    quota.learned(0, denial(50));
    expect(heldBy(quota, 0)).toBe(0);
    expect(quota.decide(0, 1)).toBeNull();
  });

  it("waits for a second after a failure in the background, and loses what that ask brought along", () => {
    const quota = holding(100, 0);
    spend(quota, 10, 100);
    expect(quota.background(10)).not.toBeNull();
    quota.failed(20);
    quota.learned(30, grant(60));
    expect([heldBy(quota, 30), quota.background(1019)]).toEqual([0, null]);
    expect(quota.background(1020)).toMatchObject({ kind: "lease" });
  });

  it("gives a background ask up after five seconds", () => {
    const quota = holding(5, 0);
    quota.background(1000);
    quota.ask(5000, 1);
    quota.answered(5000, 1, grant(3));
    expect(quota.background(6000)).toBeNull();
    expect(quota.background(6001)).toEqual({ kind: "give_back", cost: 2 });
  });

  it("keeps a denial until a unit is free", () => {
    const quota = new LeasedQuota(LIMIT, "closed");
    quota.ask(0, 1);
    expect(quota.answered(20, 1, denial(50))).toEqual({
      allowed: false,
      remaining: 0,
      resetMs: 50,
      retryAfterMs: 50,
    });
    expect(quota.decide(69, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 1, retryAfterMs: 1 });
    expect(quota.decide(70, 1)).toBeNull();
  });

  it("keeps a denial in the background too, and does not prefetch against it", () => {
    const quota = holding(100, 0);
    spend(quota, 10, 100);
    expect(quota.background(10)).not.toBeNull();
    quota.learned(20, denial(100));
    expect(quota.decide(119, 1)).toMatchObject({ allowed: false, retryAfterMs: 1 });
    quota.ask(119, 1);
    expect([quota.background(119), quota.decide(119, 1)?.allowed]).toEqual([null, false]);
    quota.unreachable(120, 1);
    expect(quota.decide(120, 1)).toBeNull();
    expect(quota.background(120)).toMatchObject({ kind: "lease" });
  });

  it("spends what it holds in spite of a denial", () => {
    const quota = holding(3, 0);
    quota.ask(0, 5);
    expect(quota.answered(0, 5, denial(50)).allowed).toBe(false);
    spend(quota, 0, 3);
  });

  it("lets a request that was denied have what came in the meantime", () => {
    const quota = new LeasedQuota(LIMIT, "closed");
    quota.ask(0, 1);
    quota.ask(0, 1);
    quota.answered(20, 1, grant(2));
    expect(quota.answered(20, 1, denial(50))).toMatchObject({ allowed: true });
    expect(heldBy(quota, 20)).toBe(0);
  });

  it("denies at once while as many asks are under way as units were left", () => {
    const quota = pressed(0);
    quota.ask(10, 1);
    quota.answered(30, 1, grant(1, 2));
    quota.ask(30, 1);
    expect(quota.decide(30, 1)).toBeNull();
    quota.ask(30, 1);
    expect(quota.decide(30, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 40, retryAfterMs: 40 });
    // By then one more has become free.
    expect(quota.decide(39, 1)).toMatchObject({ allowed: false });
    expect(quota.decide(40, 1)).toBeNull();
  });

  it("tells whom it doesn't ask for when the window frees a unit, or when an answer may come if that is later", () => {
    for (const [resetMs, retryAfterMs] of [
      [4_000, 4_000],
      [1, 39],
    ] as const) {
      const quota = pressed(0);
      quota.ask(10, 1);
      quota.answered(30, 1, { ...grant(1, 0), resetMs });
      quota.ask(30, 1);
      expect(quota.decide(30, 1)).toMatchObject({ allowed: false, retryAfterMs });
    }
  });

  it("denies so only a client that was denied less than a window ago", () => {
    const quota = pressed(0);
    for (const [atMs, isDenied] of [
      [9999, true],
      [10_000, false],
    ] as const) {
      quota.ask(atMs, 1);
      quota.answered(atMs, 1, grant(1, 0));
      quota.ask(atMs, 1);
      expect(quota.decide(atMs, 1) !== null).toBe(isDenied);
      quota.unreachable(atMs, 1);
    }
    const never = new LeasedQuota(LIMIT, "closed");
    never.ask(0, 1);
    never.answered(0, 1, grant(1, 0));
    never.ask(0, 1);
    expect(never.decide(0, 1)).toBeNull();
    const prefetching = holding(100, 0);
    spend(prefetching, 10, 100);
    prefetching.background(10);
    prefetching.learned(20, grant(0, 0));
    prefetching.ask(20, 1);
    expect(prefetching.decide(20, 1)).toBeNull();
  });

  it("lets one ask through where nothing was left", () => {
    const quota = pressed(0);
    quota.ask(10, 1);
    quota.answered(20, 1, grant(1, 0));
    expect(quota.decide(20, 1)).toBeNull();
    quota.ask(20, 1);
    expect(quota.decide(20, 1)).toMatchObject({ allowed: false });
    quota.unreachable(20, 1);
    expect(quota.decide(20, 1)).toBeNull();
  });

  it.each([
    [5010, false],
    [5011, true],
  ])("forgets asks that nobody answered after five seconds (at %i: %s)", (atMs, isForgotten) => {
    const quota = pressed(0);
    quota.ask(10, 1);
    quota.ask(10, 1);
    quota.ask(atMs, 1);
    quota.answered(atMs, 1, grant(1, 1));
    expect(quota.decide(atMs, 1) === null).toBe(isForgotten);
  });

  it("keeps the rest of an answer only once", () => {
    const quota = pressed(0);
    quota.ask(10, 1);
    quota.answered(10, 1, grant(5));
    expect(quota.answered(10, 1, grant(5, 0))).toMatchObject({ allowed: true });
    expect(heldBy(quota, 10)).toBe(4);
    quota.ask(10, 1);
    expect(quota.decide(10, 1)).toMatchObject({ allowed: false, retryAfterMs: 40 });
  });

  it("remembers no more than 1024 asks", () => {
    const quota = new LeasedQuota(LIMIT, "closed");
    for (let ask = 0; ask < 1025; ask++) quota.ask(0, 1);
    for (let ask = 0; ask < 1024; ask++) quota.answered(0, 1, grant(2));
    expect(heldBy(quota, 0)).toBe(1024);
    quota.answered(0, 1, grant(2));
    expect(heldBy(quota, 0)).toBe(0);
  });

  it("spends what it holds while the server can't be reached, and decides then by its policy", () => {
    const closed = holding(1, 0);
    closed.ask(0, 1);
    expect([closed.unreachable(0, 1)?.allowed, closed.unreachable(0, 1)]).toEqual([true, null]);
    const open = new LeasedQuota({ limit: 8, windowMs: 8000 }, "open");
    open.ask(0, 1);
    expect([open.unreachable(0, 1)?.allowed, open.unreachable(0, 1)?.allowed]).toEqual([true, false]);
    expect(open.unreachable(1000, 1)?.allowed).toBe(true);
  });

  it("never admits more than it was granted, whatever is late, lost or repeated", () => {
    const fates = ["late", "ask lost", "answer lost", "answered twice", "restarted"] as const;
    const limits = fc.record({
      limit: fc.integer({ min: 1, max: 150 }),
      windowMs: fc.constantFrom(1000, 4000),
    });
    fc.assert(
      fc.property(wireSteps(fates, 40), limits, (steps, limit) => {
        const wire = new QuotaWire("lease", limit);
        const longestMs = Math.max(leaseHoldMs(limit), LATE_MS) + 500;
        let nowMs = 1_000_000;
        for (const step of steps) {
          nowMs += step.afterMs;
          wire.request(nowMs, step);
          const granted = wire.served.reduce((sum, { units }) => sum + units, 0);
          expect(wire.admittedAtMs.length + wire.returned).toBeLessThanOrEqual(granted);
          const since = nowMs - limit.windowMs;
          const recent = wire.served
            .filter(({ atMs }) => atMs > since - longestMs)
            .reduce((sum, { units }) => sum + units, 0);
          expect(wire.admittedAtMs.filter((atMs) => atMs > since).length).toBeLessThanOrEqual(recent);
        }
        wire.part(nowMs + LATE_MS);
        expect(wire.admittedAtMs.length + wire.returned).toBeLessThanOrEqual(
          wire.served.reduce((sum, { units }) => sum + units, 0),
        );
      }),
    );
  });

  it("loses no unit where no message is lost", () => {
    fc.assert(
      fc.property(wireSteps(["late", "restarted"], 20), (steps) => {
        const wire = new QuotaWire("lease", { limit: 600, windowMs: 60_000 });
        let nowMs = 1_000_000;
        for (const step of steps) wire.request((nowMs += step.afterMs), { ...step, clockErrorMs: 0 });
        wire.part(nowMs + LATE_MS);
        expect(wire.admittedAtMs.length).toBe(steps.length);
        expect(wire.admittedAtMs.length + wire.returned).toBe(
          wire.served.reduce((sum, { units }) => sum + units, 0),
        );
      }),
    );
  });

  it("lets no request wait in the steady state", () => {
    const wire = new QuotaWire("lease", LIMIT);
    const request = { isolate: 0, afterMs: 0, fate: "late", clockErrorMs: 0 } as const;
    for (let atMs = 0; atMs < 5000; atMs += 13) wire.request(atMs, request);
    const waitedAtFirst = wire.waited;
    for (let atMs = 5000; atMs < 30_000; atMs += 13) wire.request(atMs, request);
    expect([waitedAtFirst > 0, wire.waited - waitedAtFirst]).toEqual([true, 0]);
  });

  it("refuses a limit that is none", () => {
    expect(() => new LeasedQuota({ limit: 0, windowMs: 1 }, "closed")).toThrow(
      "limit must be an integer in [1, 1000000], got 0",
    );
  });
});
