import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createClientQuota } from "../../../src/resilience/quota/create-client-quota.ts";
import { quotaFor } from "../../../src/resilience/quota/quota-for.ts";
import { answerAsk } from "../../../src/resilience/quota/rate-server.ts";
import type { RateAsk, RateDecision, RateLimit } from "../../../src/resilience/quota/rate-limit.ts";

const LIMIT: RateLimit = { limit: 60, windowMs: 60_000 };
const ALLOWANCE = 7;
const START_MS = 1_700_000_000_000;

/** One isolate and its server, over a clock that the test turns. */
function isolate({
  limit = LIMIT,
  isAway = () => false,
}: { readonly limit?: RateLimit; readonly isAway?: () => boolean } = {}) {
  const quota = createClientQuota("async", limit, { onUnreachable: "open", hasAllowance: true });
  const server = quotaFor(limit);
  const asks: RateAsk[] = [];
  function request(nowMs: number): RateDecision {
    let decision = quota.decide(nowMs, 1);
    if (decision === null) {
      const ask = quota.ask(nowMs, 1);
      asks.push(ask);
      decision = isAway()
        ? quota.unreachable(nowMs, 1)
        : quota.answered(nowMs, 1, answerAsk(server, limit, nowMs, ask));
    }
    const behind = quota.background(nowMs);
    if (behind !== null) {
      asks.push(behind);
      quota.learned(nowMs, answerAsk(server, limit, nowMs, behind));
    }
    if (decision === null) throw new Error("an open quota always decides");
    return decision;
  }
  return { request, asks, quota, server };
}

describe("a quota with an allowance", () => {
  it("tells nobody of a client who comes seldom, for as long as that goes on", () => {
    const { request, asks, quota } = isolate();
    for (let minute = 0; minute < 100; minute += 1) {
      for (let count = 1; count <= ALLOWANCE; count += 1) {
        const { allowed, remaining, resetMs } = request(START_MS + minute * 60_000 + count * 100);
        expect([allowed, remaining]).toEqual([true, 60 - count]);
        expect(resetMs).toBeLessThanOrEqual(60_000);
      }
    }
    expect(asks).toEqual([]);
    expect(quota.parting(START_MS + 6_000_000)).toBeNull();
  });

  it("admits exactly the limit all the same: what was let pass is told with the first ask", () => {
    const { request, asks } = isolate();
    const allowed = Array.from({ length: 100 }, (_, index) => request(START_MS + index).allowed).filter(
      Boolean,
    );
    expect(allowed).toHaveLength(60);
    expect(asks[0]).toEqual({ kind: "take", cost: 1, count: ALLOWANCE });
  });

  it("tells it again where the server could not be reached", () => {
    let isAway = true;
    const { request, asks } = isolate({ isAway: () => isAway });
    for (let index = 0; index <= ALLOWANCE; index += 1) request(START_MS + index);
    isAway = false;
    request(START_MS + 1_000);
    const told = asks.map((ask) => ("count" in ask ? (ask.count ?? 0) : 0));
    expect(told.filter((count) => count >= ALLOWANCE)).toHaveLength(2);
  });

  it("takes who was away for a window for a stranger again", () => {
    const { request, asks } = isolate();
    for (let index = 0; index < 20; index += 1) request(START_MS + index);
    const asked = asks.length;
    for (let index = 0; index < ALLOWANCE; index += 1)
      expect(request(START_MS + 120_000 + index).allowed).toBe(true);
    expect(asks).toHaveLength(asked);
  });

  it("tells nothing of windows that are over, though whoever asked in each of them has hung up", () => {
    const quota = createClientQuota("async", LIMIT, { onUnreachable: "open", hasAllowance: true });
    for (let window = 0; window < 8; window += 1) {
      const fromMs = START_MS + window * 120_000;
      for (let index = 0; index < ALLOWANCE; index += 1) expect(quota.decide(fromMs, 1)?.allowed).toBe(true);
      expect(quota.decide(fromMs, 1)).toBeNull();
      expect(quota.ask(fromMs, 1)).toEqual({ kind: "take", cost: 1, count: ALLOWANCE });
    }
  });

  it("never admits more than the limit and one allowance in a window, whenever requests come (two windows' edges)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 50, maxLength: 400 }),
        (gapsMs) => {
          const { request } = isolate();
          const admittedAtMs: number[] = [];
          let nowMs = START_MS;
          for (const gapMs of gapsMs) {
            nowMs += gapMs;
            if (request(nowMs).allowed) admittedAtMs.push(nowMs);
          }
          for (const [index, fromMs] of admittedAtMs.entries()) {
            const inWindow = admittedAtMs.slice(index).filter((atMs) => atMs < fromMs + 60_000).length;
            expect(inWindow).toBeLessThanOrEqual(LIMIT.limit + ALLOWANCE);
          }
        },
      ),
    );
  });
});
