import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quotaFor } from "../../../src/resilience/quota/quota-for.ts";
import { answerAsk } from "../../../src/resilience/quota/rate-server.ts";
import { StrictQuota } from "../../../src/resilience/quota/strict-quota.ts";

const LIMIT = { limit: 2, windowMs: 1000 };
const allowed = { allowed: true, remaining: 1, resetMs: 1000, retryAfterMs: 0 };
const denied = { allowed: false, remaining: 0, resetMs: 300, retryAfterMs: 300 };
const sent = { granted: 0, holdMs: 0, counted: 0 };

describe("a strict quota", () => {
  it("asks for every request", () => {
    const quota = new StrictQuota(LIMIT, "closed");
    for (const nowMs of [0, 1, 2]) {
      expect(quota.decide(nowMs, 1)).toBeNull();
      expect(quota.ask(nowMs, 3)).toEqual({ kind: "take", cost: 3 });
      expect(quota.answered(nowMs, 1, { ...allowed, ...sent })).toEqual(allowed);
    }
  });

  it("keeps a denial until what was missing is free", () => {
    const quota = new StrictQuota(LIMIT, "closed");
    expect(quota.answered(1000, 2, { ...denied, ...sent })).toEqual(denied);
    expect(quota.decide(1000, 2)).toEqual(denied);
    expect(quota.decide(1299, 2)).toEqual({ ...denied, resetMs: 1, retryAfterMs: 1 });
    expect([quota.decide(1299, 1), quota.decide(1300, 2)]).toEqual([null, null]);
  });

  it("keeps a denial though a cheaper request is allowed meanwhile", () => {
    const quota = new StrictQuota(LIMIT, "closed");
    quota.answered(1000, 2, { ...denied, ...sent });
    expect(quota.answered(1100, 1, { ...allowed, ...sent })).toEqual(allowed);
    expect([quota.decide(1100, 2)?.retryAfterMs, quota.decide(1100, 1)]).toEqual([200, null]);
  });

  it("holds a denial no longer when the clock steps back", () => {
    const quota = new StrictQuota(LIMIT, "closed");
    quota.answered(50_000, 1, { ...denied, ...sent });
    expect(quota.decide(49_000, 1)).toEqual(denied);
    expect(quota.decide(10_000, 1)).toEqual(denied);
    expect(quota.decide(10_300, 1)).toBeNull();
  });

  it("asks no more at once than the limit has units", () => {
    const quota = new StrictQuota({ limit: 3, windowMs: 1000 }, "closed");
    for (let ask = 0; ask < 3; ask += 1) {
      expect(quota.decide(0, 1)).toBeNull();
      quota.ask(0, 1);
    }
    expect(quota.decide(0, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 250, retryAfterMs: 250 });
    quota.answered(10, 1, { ...allowed, ...sent });
    expect(quota.decide(10, 1)).toBeNull();
  });

  it("asks of a client that was denied no more at once than were left, or one: a flood doesn't ask once per request", () => {
    const quota = new StrictQuota({ limit: 300, windowMs: 60_000 }, "closed");
    quota.ask(0, 1);
    quota.answered(0, 1, { ...denied, remaining: 0, ...sent });
    expect(quota.decide(300, 1)).toBeNull();
    quota.ask(300, 1);
    quota.answered(310, 1, { ...allowed, remaining: 2, ...sent });
    quota.ask(310, 1);
    expect(quota.decide(310, 1)).toBeNull();
    quota.ask(310, 1);
    expect(quota.decide(310, 1)).toMatchObject({ allowed: false, retryAfterMs: 1_000 });
    quota.unreachable(320, 1);
    expect(quota.decide(320, 1)).toBeNull();
  });

  it("tells whom it doesn't ask for when the window frees a unit, where it has heard that of this client", () => {
    const quota = new StrictQuota({ limit: 3, windowMs: 60_000 }, "closed");
    quota.ask(0, 1);
    quota.answered(0, 1, { ...allowed, remaining: 2, resetMs: 60_000, ...sent });
    const refusalAt = (atMs: number) => {
      for (let ask = 0; ask < 3; ask += 1) quota.ask(atMs, 1);
      return quota.decide(atMs, 1);
    };
    expect(refusalAt(1_000)).toEqual({ allowed: false, remaining: 0, resetMs: 59_000, retryAfterMs: 59_000 });
    expect(refusalAt(61_000)).toMatchObject({ allowed: false, retryAfterMs: 250 });
  });

  it("sends nobody whom it doesn't ask for away for longer than the window is full", () => {
    const requests = fc.array(fc.nat(400), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 9 }), (pausesMs, limit) => {
        const rate = { limit, windowMs: 2_000 };
        const server = quotaFor(rate);
        const quota = new StrictQuota(rate, "closed");
        let nowMs = 1_000;
        for (const pauseMs of pausesMs) {
          nowMs += pauseMs;
          if (quota.decide(nowMs, 1) === null)
            quota.answered(nowMs, 1, answerAsk(server, rate, nowMs, quota.ask(nowMs, 1)));
        }
        const asks = Array.from({ length: limit }, () => quota.ask(nowMs, 1));
        const refusal = quota.decide(nowMs, 1);
        expect(refusal?.allowed).toBe(false);
        for (const ask of asks) answerAsk(server, rate, nowMs, ask);
        // Where nothing is known it is a quarter of a second.
        const retryAfterMs = Math.max(250, refusal?.retryAfterMs ?? 0);
        expect(retryAfterMs === 250 || !server.peek(nowMs + retryAfterMs - 1, 1).allowed).toBe(true);
      }),
    );
  });

  it("forgets those who asked and went without a word", () => {
    const quota = new StrictQuota({ limit: 1, windowMs: 60_000 }, "closed");
    quota.ask(0, 1);
    expect([quota.decide(5000, 1)?.allowed, quota.decide(5001, 1)]).toEqual([false, null]);
  });

  it("has nothing of the safe rate's burst for a client that the server said had used up the limit", () => {
    const quota = new StrictQuota({ limit: 80, windowMs: 8000 }, "open");
    quota.answered(0, 1, { ...allowed, remaining: 0, ...sent });
    expect([
      quota.unreachable(0, 1)?.allowed,
      quota.unreachable(100, 1)?.allowed,
      quota.unreachable(100, 1)?.allowed,
    ]).toEqual([false, true, false]);
  });

  it("decides alone while the server can't be reached, or refuses", () => {
    expect(new StrictQuota(LIMIT, "closed").unreachable(0, 1)).toBeNull();
    const open = new StrictQuota(LIMIT, "open");
    expect([
      open.unreachable(0, 1)?.allowed,
      open.unreachable(0, 1)?.allowed,
      open.unreachable(500, 1)?.allowed,
    ]).toEqual([true, false, true]);
  });

  it("has nothing to do in the background and nothing to give back", () => {
    const quota = new StrictQuota(LIMIT, "open");
    quota.learned();
    quota.failed();
    expect([quota.background(), quota.parting()]).toEqual([null, null]);
  });

  it("admits what a log of all admitted requests would, over any number of isolates", () => {
    const requests = fc.array(fc.record({ afterMs: fc.nat(150), isolate: fc.nat(2) }), { maxLength: 100 });
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 5 }), (requests, limit) => {
        const rate = { limit, windowMs: 1000 };
        const server = quotaFor(rate);
        const isolates = [0, 1, 2].map(() => new StrictQuota(rate, "closed"));
        const admittedAtMs: number[] = [];
        let nowMs = 1000;
        for (const { afterMs, isolate } of requests) {
          nowMs += afterMs;
          const quota = isolates[isolate];
          if (quota === undefined) continue;
          const decision =
            quota.decide(nowMs, 1) ??
            quota.answered(nowMs, 1, answerAsk(server, rate, nowMs, quota.ask(nowMs, 1)));
          const fits = admittedAtMs.filter((atMs) => atMs > nowMs - 1000).length < limit;
          expect(decision.allowed).toBe(fits);
          if (decision.allowed) admittedAtMs.push(nowMs);
        }
      }),
    );
  });

  it("refuses a limit that is none", () => {
    expect(() => new StrictQuota({ limit: 0, windowMs: 1 }, "closed")).toThrow(
      "limit must be an integer in [1, 1000000], got 0",
    );
  });
});
