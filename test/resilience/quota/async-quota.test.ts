import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AsyncQuota } from "../../../src/resilience/quota/async-quota.ts";
import type { RateAnswer } from "../../../src/resilience/quota/rate-limit.ts";
import { LATE_MS, QuotaWire, wireSteps } from "../support/quota-wire.ts";

/**
 * Reports every 200 ms; a slow holder, one with up to 10 units unreported, every 1250 ms. 16 ms are
 * as long as it takes to free a unit.
 */
const LIMIT = { limit: 640, windowMs: 10_000 };

const left = (remaining: number, counted = 0): RateAnswer => ({
  allowed: true,
  remaining,
  resetMs: 40,
  retryAfterMs: 0,
  granted: 0,
  holdMs: 0,
  counted,
});
const denial = (retryAfterMs: number): RateAnswer => ({
  ...left(0),
  allowed: false,
  resetMs: retryAfterMs,
  retryAfterMs,
});

/** A holder that knows since `atMs` how many units are left. */
function knowing(remaining: number, atMs: number, limit = LIMIT): AsyncQuota {
  const quota = new AsyncQuota(limit, "closed");
  quota.ask(atMs, 1);
  quota.answered(atMs, 1, left(remaining));
  return quota;
}

function admit(quota: AsyncQuota, nowMs: number, units: number): void {
  for (let unit = 0; unit < units; unit++) expect(quota.decide(nowMs, 1)?.allowed).toBe(true);
}

describe("an asynchronous quota", () => {
  it("asks at first", () => {
    const quota = new AsyncQuota(LIMIT, "closed");
    expect([quota.decide(0, 1), quota.ask(0, 3)]).toEqual([null, { kind: "take", cost: 3 }]);
    expect(quota.answered(20, 3, left(500))).toEqual({
      allowed: true,
      remaining: 500,
      resetMs: 40,
      retryAfterMs: 0,
    });
    expect([quota.background(20), quota.background(9000)]).toEqual([null, null]);
  });

  it("admits from the estimate less its own counts, and asks when that is used up", () => {
    const quota = knowing(3, 0);
    expect(quota.decide(10, 1)).toEqual({ allowed: true, remaining: 2, resetMs: 30, retryAfterMs: 0 });
    expect(quota.decide(30, 1)).toEqual({ allowed: true, remaining: 1, resetMs: 16, retryAfterMs: 0 });
    expect(quota.decide(30, 2)).toBeNull();
    expect(quota.decide(30, 1)).toMatchObject({ allowed: true, remaining: 0 });
    expect([quota.decide(30, 1), quota.decide(30, Number.NaN)]).toEqual([null, null]);
  });

  it("leaves those who have asked their units: as many less are left of the estimate", () => {
    const quota = new AsyncQuota(LIMIT, "closed");
    for (let ask = 0; ask < 100; ask += 1) quota.ask(0, 1);
    quota.answered(10, 1, left(110));
    admit(quota, 10, 11);
    expect(quota.decide(10, 1)).toBeNull();
  });

  it("believes of answers that were under way together the one that has less left", () => {
    const quota = new AsyncQuota(LIMIT, "closed");
    for (let ask = 0; ask < 3; ask += 1) quota.ask(0, 1);
    quota.answered(10, 1, left(5));
    quota.answered(11, 1, left(639));
    expect(quota.answered(12, 1, left(600))).toMatchObject({ remaining: 5 });
    quota.ask(13, 1);
    expect(quota.answered(14, 1, left(600))).toMatchObject({ remaining: 600 });
  });

  it("asks nothing while much is on its way to be counted: the ask could overtake it", () => {
    const quota = knowing(40, 0);
    admit(quota, 10, 40);
    quota.ask(10, 1);
    expect(quota.decide(20, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 50, retryAfterMs: 50 });
    // A twentieth of the window after the word left the server enough may have become free.
    expect([quota.decide(449, 1)?.allowed, quota.decide(450, 1)]).toEqual([false, null]);
    quota.answered(451, 1, left(3, 40));
    admit(quota, 451, 3);
  });

  it("tells whom it doesn't ask for when the window frees a unit, where it has heard that of this client", () => {
    const quota = new AsyncQuota({ limit: 20, windowMs: 60_000 }, "closed");
    quota.ask(0, 1);
    quota.answered(0, 1, { ...left(10), resetMs: 50_000 });
    admit(quota, 10, 10);
    quota.ask(10, 1);
    expect(quota.decide(20, 1)).toEqual({
      allowed: false,
      remaining: 0,
      resetMs: 49_980,
      retryAfterMs: 49_980,
    });
    for (let ask = 1; ask < 20; ask += 1) quota.ask(4_000, 1);
    expect(quota.decide(4_000, 1)).toMatchObject({ allowed: false, retryAfterMs: 46_000 });
  });

  it("asks no more at once than the limit has units, and after a denial no more than were left", () => {
    const quota = new AsyncQuota({ limit: 20, windowMs: 10_000 }, "closed");
    for (let ask = 0; ask < 20; ask += 1) {
      expect(quota.decide(0, 1)).toBeNull();
      quota.ask(0, 1);
    }
    expect(quota.decide(0, 1)).toMatchObject({ allowed: false, retryAfterMs: 250 });
    for (let ask = 0; ask < 20; ask += 1) quota.answered(10, 1, denial(20));
    expect(quota.decide(30, 1)).toBeNull();
    quota.ask(30, 1);
    expect(quota.decide(30, 1)).toMatchObject({ allowed: false, retryAfterMs: 250 });
    expect(quota.decide(261, 1)).toBeNull();
  });

  it("asks when the estimate is a window old", () => {
    expect(knowing(600, 0).decide(9999, 1)?.allowed).toBe(true);
    expect(knowing(600, 0).decide(10_000, 1)).toBeNull();
  });

  it("takes its counts along when it asks, once", () => {
    const quota = knowing(3, 0);
    admit(quota, 10, 3);
    expect(quota.ask(20, 1)).toEqual({ kind: "take", cost: 1, count: 3 });
    expect(quota.ask(20, 1)).toEqual({ kind: "take", cost: 1 });
    quota.answered(40, 1, left(6, 3));
    expect(quota.decide(40, 5)).toMatchObject({ allowed: true, remaining: 0 });
    expect(quota.ask(40, 1)).toEqual({ kind: "take", cost: 1, count: 5 });
  });

  it("counts what is on the way as used until the server has counted it", () => {
    const quota = knowing(5, 0);
    admit(quota, 10, 2);
    quota.ask(10, 1);
    quota.ask(10, 1);
    expect(quota.answered(20, 1, left(4))).toMatchObject({ remaining: 1 });
    expect(quota.decide(20, 3)).toBeNull();
    expect(quota.answered(20, 1, left(2, 2))).toMatchObject({ remaining: 2 });
    expect(quota.decide(20, 2)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it("reports when the estimate is 0.2 s old", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 11);
    expect([quota.background(199), quota.background(200), quota.background(200)]).toEqual([
      null,
      { kind: "report", count: 11 },
      null,
    ]);
    expect(quota.decide(210, 589)).toMatchObject({ allowed: true, remaining: 0 });
    quota.learned(220, left(600));
    expect(quota.decide(220, 11)).toMatchObject({ allowed: true, remaining: 0 });
    expect([quota.background(419), quota.background(420)]).toEqual([null, { kind: "report", count: 600 }]);
  });

  it("reports the counts of a slow holder when the estimate is an eighth of the window old", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 10);
    expect([quota.background(1249), quota.background(1250)]).toEqual([null, { kind: "report", count: 10 }]);
  });

  it("reports them every five seconds at least", () => {
    const quota = knowing(600, 0, { limit: 640, windowMs: 60_000 });
    admit(quota, 10, 10);
    expect([quota.background(4999), quota.background(5000)]).toEqual([null, { kind: "report", count: 10 }]);
  });

  it("reports them as all others once half of the limit is used", () => {
    const half = knowing(320, 0);
    admit(half, 10, 1);
    expect(half.background(1249)).toBeNull();
    const less = knowing(319, 0);
    admit(less, 10, 1);
    expect([less.background(199), less.background(200)]).toEqual([null, { kind: "report", count: 1 }]);
  });

  it("reports a request that comes alone at once", () => {
    const quota = knowing(600, 0);
    admit(quota, 5000, 1);
    expect(quota.background(5000)).toEqual({ kind: "report", count: 1 });
  });

  it.each([
    // A quarter of the window less three units of the limit's rate less 50 ms.
    [{ limit: 600, windowMs: 1000 }, 195],
    [{ limit: 60, windowMs: 1000 }, 150],
    [{ limit: 12, windowMs: 1000 }, 0],
    [{ limit: 5, windowMs: 60_000 }, 0],
    [{ limit: 20, windowMs: 60_000 }, 200],
  ])("reports small quotas sooner (%o: %i ms)", (limit, reportMs) => {
    const quota = knowing(Math.ceil(limit.limit / 2) - 1, 0, limit);
    admit(quota, 0, 1);
    const firstAtMs = Array.from({ length: 300 }, (_, atMs) => atMs).find(
      (atMs) => quota.background(atMs) !== null,
    );
    expect(firstAtMs).toBe(reportMs);
  });

  it("asks for every request for a window after a denial, and reports at once", () => {
    const quota = knowing(600, 0);
    admit(quota, 0, 1);
    quota.ask(10, 1);
    expect(quota.answered(20, 1, denial(50))).toEqual({
      allowed: false,
      remaining: 0,
      resetMs: 50,
      retryAfterMs: 50,
    });
    expect(quota.decide(70, 1)).toBeNull();
    quota.ask(9000, 1);
    quota.answered(9000, 1, left(500));
    expect(quota.decide(10_019, 1)).toBeNull();
    expect(quota.decide(10_020, 1)?.allowed).toBe(true);
  });

  it("counts what it denied itself as denials", () => {
    const quota = knowing(600, 0);
    quota.ask(10, 1);
    quota.answered(20, 1, denial(50));
    expect(quota.decide(69, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 1, retryAfterMs: 1 });
    expect(quota.decide(70, 1)).toBeNull();
    quota.ask(9000, 1);
    quota.answered(9000, 1, left(500));
    expect([quota.decide(10_068, 1), quota.decide(10_069, 1)?.allowed]).toEqual([null, true]);
  });

  it("asks where counts are reported at once and one is under way", () => {
    const quota = knowing(8, 0, { limit: 10, windowMs: 1000 });
    admit(quota, 0, 1);
    expect(quota.background(0)).toEqual({ kind: "report", count: 1 });
    expect(quota.decide(10, 1)).toBeNull();
    quota.learned(20, left(7));
    expect(quota.decide(20, 1)?.allowed).toBe(true);
  });

  it("reports at once within that window", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 4);
    quota.ask(10, 1);
    admit(quota, 10, 2);
    quota.answered(20, 1, { ...denial(50), counted: 4 });
    expect(quota.background(20)).toEqual({ kind: "report", count: 2 });
  });

  it("learns a denial from its reports too", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 20);
    quota.background(200);
    quota.learned(220, denial(100));
    expect(quota.decide(319, 1)).toMatchObject({ allowed: false, retryAfterMs: 1 });
    expect(quota.decide(320, 1)).toBeNull();
  });

  it("takes an answer in the background only if it waits for one", () => {
    const quota = knowing(5, 0);
    quota.learned(10, left(600));
    expect(quota.decide(10, 6)).toBeNull();
    admit(quota, 10, 1);
    quota.ask(10, 1);
    quota.learned(10, left(600));
    expect(quota.decide(10, 5)).toBeNull();
  });

  it("reports again what got lost, after a second", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 20);
    quota.background(200);
    admit(quota, 210, 5);
    quota.failed(300);
    expect([quota.background(1299), quota.background(1300)]).toEqual([null, { kind: "report", count: 25 }]);
  });

  it("is not misled by a failure when nothing was on the way, or an ask", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 20);
    quota.failed(10);
    quota.ask(20, 1);
    quota.failed(20);
    expect(quota.ask(30, 1)).toEqual({ kind: "take", cost: 1 });
  });

  it("takes its counts along again if an ask got lost", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 20);
    quota.ask(20, 1);
    expect(quota.unreachable(30, 1)).toBeNull();
    expect(quota.ask(40, 1)).toEqual({ kind: "take", cost: 1, count: 20 });
  });

  it("leaves a report on its way alone when an ask got lost", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 20);
    quota.background(200);
    quota.ask(200, 1);
    quota.unreachable(210, 1);
    expect(quota.ask(210, 1)).toEqual({ kind: "take", cost: 1 });
    quota.answered(220, 1, left(100, 7));
    expect(quota.background(5000)).toBeNull();
  });

  it("does not report again what was counted", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 20);
    quota.background(200);
    quota.learned(210, left(580));
    expect(quota.parting(5201)).toBeNull();
    const asked = knowing(600, 0);
    admit(asked, 10, 20);
    asked.ask(10, 1);
    asked.answered(10, 1, left(580, 20));
    expect(asked.parting(5201)).toBeNull();
  });

  it("has only one message with counts under way", () => {
    const asked = knowing(600, 0);
    admit(asked, 10, 20);
    asked.ask(10, 1);
    admit(asked, 10, 15);
    expect([asked.ask(10, 1), asked.background(300)]).toEqual([{ kind: "take", cost: 1 }, null]);
    asked.answered(300, 1, left(500, 20));
    expect(asked.parting(300)).toEqual({ kind: "report", count: 15 });
    const reported = knowing(600, 0);
    admit(reported, 10, 20);
    reported.background(200);
    admit(reported, 200, 15);
    reported.answered(200, 1, left(500, 7));
    expect([reported.ask(200, 1), reported.background(1000)]).toEqual([{ kind: "take", cost: 1 }, null]);
    reported.learned(1000, left(500));
    expect(reported.background(1200)).toEqual({ kind: "report", count: 15 });
  });

  it("gives a report up after five seconds", () => {
    const quota = knowing(600, 0);
    admit(quota, 10, 20);
    quota.background(200);
    expect([quota.background(5200), quota.background(5201)]).toEqual([null, { kind: "report", count: 20 }]);
  });

  it("never reports what is older than the window", () => {
    const young = knowing(600, 0);
    admit(young, 10, 20);
    expect(young.parting(10_009)).toEqual({ kind: "report", count: 20 });
    const old = knowing(600, 0);
    admit(old, 10, 20);
    admit(old, 9000, 1);
    expect(old.parting(10_010)).toBeNull();
    const lost = knowing(600, 0);
    admit(lost, 10, 20);
    lost.background(200);
    lost.background(10_200);
    expect(lost.parting(10_200)).toBeNull();
  });

  it("never reports more than the limit", () => {
    const quota = new AsyncQuota({ limit: 16, windowMs: 10_000 }, "open");
    for (let atMs = 0; atMs < 9500; atMs += 10) quota.unreachable(atMs, 1);
    expect(quota.parting(9500)).toEqual({ kind: "report", count: 16 });
  });

  it("reports what it admitted alone while the server couldn't be reached", () => {
    const quota = new AsyncQuota({ limit: 80, windowMs: 8000 }, "open");
    for (let request = 0; request < 15; request++) quota.unreachable(0, 1);
    expect(quota.background(0)).toEqual({ kind: "report", count: 10 });
    expect(new AsyncQuota(LIMIT, "closed").unreachable(0, 1)).toBeNull();
  });

  it("reports what is left when it is forgotten, once", () => {
    const quota = knowing(600, 0);
    expect(quota.parting(0)).toBeNull();
    admit(quota, 0, 3);
    expect([quota.parting(10), quota.parting(10)]).toEqual([{ kind: "report", count: 3 }, null]);
  });

  it("lets the server know of every admitted unit, whatever is late, lost or repeated", () => {
    const fates = ["late", "ask lost", "answer lost", "answered twice", "restarted"] as const;
    fc.assert(
      fc.property(wireSteps(fates, 40), fc.constantFrom(20, 120, 600), (steps, limit) => {
        const wire = new QuotaWire("async", { limit, windowMs: 60_000 });
        let nowMs = 1_000_000;
        for (const step of steps) wire.request((nowMs += step.afterMs), step);
        wire.part(nowMs + LATE_MS);
        expect(wire.served.reduce((sum, { units }) => sum + units, 0)).toBeGreaterThanOrEqual(
          wire.admittedAtMs.length,
        );
      }),
    );
  });

  it("counts nothing twice where no message is lost", () => {
    fc.assert(
      fc.property(wireSteps(["late", "restarted"], 40), (steps) => {
        const wire = new QuotaWire("async", { limit: 600, windowMs: 60_000 });
        let nowMs = 1_000_000;
        for (const step of steps) wire.request((nowMs += step.afterMs), step);
        wire.part(nowMs + LATE_MS);
        expect(wire.admittedAtMs.length).toBe(steps.length);
        expect(wire.served.reduce((sum, { units }) => sum + units, 0)).toBe(steps.length);
      }),
    );
  });

  it("keeps a single isolate within the limit", () => {
    const limits = fc.record({
      limit: fc.integer({ min: 1, max: 30 }),
      windowMs: fc.integer({ min: 200, max: 3000 }),
    });
    fc.assert(
      fc.property(fc.array(fc.nat(150), { maxLength: 150, size: "max" }), limits, (gaps, limit) => {
        const wire = new QuotaWire("async", limit);
        let nowMs = 1_000_000;
        for (const gap of gaps)
          wire.request((nowMs += gap), { isolate: 0, afterMs: gap, fate: "answered", clockErrorMs: 0 });
        for (const atMs of wire.admittedAtMs) {
          const inWindow = wire.admittedAtMs.filter(
            (other) => other <= atMs && other > atMs - limit.windowMs,
          ).length;
          expect(inWindow).toBeLessThanOrEqual(limit.limit);
        }
      }),
    );
  });

  it("refuses a limit that is none", () => {
    expect(() => new AsyncQuota({ limit: 0, windowMs: 1 }, "closed")).toThrow(
      "limit must be an integer in [1, 1000000], got 0",
    );
  });
});
