import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ClientQuota } from "../../../src/resilience/quota/client-quota.ts";
import { createClientQuota } from "../../../src/resilience/quota/create-client-quota.ts";
import { quotaFor } from "../../../src/resilience/quota/quota-for.ts";
import { QuietQuota } from "../../../src/resilience/quota/quiet-quota.ts";
import { answerAsk } from "../../../src/resilience/quota/rate-server.ts";
import type {
  RateAnswer,
  RateAsk,
  RateDecision,
  RateLimit,
} from "../../../src/resilience/quota/rate-limit.ts";
import { ISOLATES, LATE_MS, QuotaWire, wireSteps } from "../support/quota-wire.ts";

const LIMIT: RateLimit = { limit: 60, windowMs: 60_000 };
const SHARE = 1 / 8;
const QUIET = 7;
const START_MS = 1_700_000_000_000;

/** One server and its isolates, over a clock that the test turns. */
function isolates(count: number, { limit = LIMIT, share = SHARE, isAway = (): boolean => false } = {}) {
  const create = (): ClientQuota =>
    createClientQuota("async", limit, { onUnreachable: "open", quietShare: share });
  const quotas = Array.from({ length: count }, create);
  const server = quotaFor(limit);
  const asks: RateAsk[] = [];
  function request(nowMs: number, isolate = 0): RateDecision {
    const quota = quotas[isolate] ?? create();
    let decision = quota.decide(nowMs, 1);
    if (decision === null) {
      const ask = quota.ask(nowMs, 1);
      asks.push(ask);
      decision = isAway()
        ? quota.unreachable(nowMs, 1)
        : quota.answered(nowMs, 1, answerAsk(server, limit, nowMs, ask));
    }
    tell(nowMs, quota);
    if (decision === null) throw new Error("an open quota always decides");
    return decision;
  }
  function tell(nowMs: number, quota: ClientQuota): void {
    const behind = quota.background(nowMs);
    if (behind === null) return;
    asks.push(behind);
    if (isAway()) quota.failed(nowMs);
    else quota.learned(nowMs, answerAsk(server, limit, nowMs, behind));
  }
  return { request, asks, quotas, server };
}

function isolate(options: Parameters<typeof isolates>[1] = {}) {
  const { quotas, ...more } = isolates(1, options);
  const [quota] = quotas;
  if (quota === undefined) throw new RangeError("one was made");
  return { quota, ...more };
}

const answer = (remaining: number, retryAfterMs = 0): RateAnswer => ({
  allowed: retryAfterMs === 0,
  remaining,
  resetMs: retryAfterMs,
  retryAfterMs,
  granted: 0,
  holdMs: 0,
});

/** A quiet quota that has heard at `atMs` how much is left. */
function hearing(heard: RateAnswer, atMs: number): ClientQuota {
  const quota = new QuietQuota(LIMIT, QUIET, "open");
  quota.ask(atMs, 1);
  quota.answered(atMs, 1, heard);
  return quota;
}

describe("a quiet quota", () => {
  it("tells nobody of a client who comes seldom, for as long as that goes on", () => {
    const { request, asks, quota } = isolate();
    for (let minute = 0; minute < 100; minute += 1) {
      for (let count = 1; count <= QUIET; count += 1) {
        const { allowed, remaining, resetMs } = request(START_MS + minute * 61_000 + count * 100);
        expect([allowed, remaining]).toEqual([true, 60 - count]);
        expect(resetMs).toBeLessThanOrEqual(60_000);
      }
    }
    expect(asks).toEqual([]);
    expect(quota.parting(START_MS + 6_100_000)).toBeNull();
  });

  it("has a window that slides: at the end of one and the beginning of the next no more pass untold", () => {
    const { request, asks } = isolate();
    for (let count = 0; count < QUIET; count += 1) request(START_MS + 59_000 + count);
    expect(asks).toEqual([]);
    request(START_MS + 61_000);
    expect(asks).toEqual([{ kind: "report", count: QUIET + 1 }]);
  });

  it("tells of the first request beyond, with all before it, and lets it wait for nobody", () => {
    const { quota } = isolate();
    for (let count = 0; count <= QUIET; count += 1)
      expect(quota.decide(START_MS + count, 1)).toMatchObject({ allowed: true, remaining: 59 - count });
    // The next one asks, as long as the server has said nothing.
    expect(quota.background(START_MS + QUIET)).toEqual({ kind: "report", count: QUIET + 1 });
    expect(quota.decide(START_MS + QUIET + 1, 1)).toBeNull();
    expect(quota.ask(START_MS + QUIET + 1, 1)).toEqual({ kind: "take", cost: 1 });
    quota.learned(START_MS + QUIET + 2, answer(52));
    expect(quota.decide(START_MS + QUIET + 3, 1)).toMatchObject({ allowed: true, remaining: 50 });
  });

  it("admits exactly the limit of a flood all the same", () => {
    const { request, asks } = isolate();
    const allowed = Array.from({ length: 100 }, (_, index) => request(START_MS + index).allowed);
    expect(allowed.filter(Boolean)).toHaveLength(60);
    expect(asks[0]).toEqual({ kind: "report", count: QUIET + 1 });
  });

  it("lets one request pass beyond what is quiet while the server can't be reached, then the safe rate, and tells it all later", () => {
    let isAway = true;
    const { request, asks } = isolate({ isAway: () => isAway });
    const allowed = Array.from({ length: 100 }, () => request(START_MS).allowed);
    // The safe rate has an eighth of the limit at once.
    expect(allowed.filter(Boolean)).toHaveLength(QUIET + 1 + 8);
    isAway = false;
    request(START_MS + 2_000);
    expect(asks.at(-1)).toMatchObject({ count: expect.toSatisfy((told: number) => told >= QUIET + 9) });
  });

  it("doesn't tell what is older than an eighth of a window: it would count for twice as long", () => {
    const { request, asks } = isolate();
    for (let count = 0; count < 4; count += 1) request(START_MS);
    for (let count = 0; count < 4; count += 1) request(START_MS + 7_501);
    expect(asks).toEqual([{ kind: "report", count: 4 }]);
  });

  it("counts as seen what was told, and what passed alone, too", () => {
    for (const isAway of [false, true]) {
      const { request, asks } = isolate({ isAway: () => isAway });
      for (let count = 0; count < QUIET; count += 1) request(START_MS);
      for (let count = 0; count < 20; count += 1) request(START_MS + 30_000 + count * 500);
      const asked = asks.length;
      request(START_MS + 61_000);
      expect(asks.slice(asked)).toContainEqual(expect.objectContaining({ kind: isAway ? "take" : "report" }));
    }
  });

  it("takes who was away for a window for a stranger again", () => {
    const { request, asks } = isolate();
    for (let index = 0; index < 20; index += 1) request(START_MS + index);
    const asked = asks.length;
    for (let index = 0; index < QUIET; index += 1)
      expect(request(START_MS + 120_000 + index).allowed).toBe(true);
    expect(asks).toHaveLength(asked);
  });

  it("tells nothing of windows that are over, though whoever asked in each of them has hung up", () => {
    const quota = createClientQuota("async", LIMIT, { onUnreachable: "open", quietShare: SHARE });
    for (let window = 0; window < 8; window += 1) {
      const fromMs = START_MS + window * 120_000;
      for (let index = 0; index <= QUIET; index += 1) expect(quota.decide(fromMs, 1)?.allowed).toBe(true);
      expect(quota.decide(fromMs, 1)).toBeNull();
      expect(quota.ask(fromMs, 1)).toEqual({ kind: "take", cost: 1, count: QUIET + 1 });
    }
  });

  it("is quiet again only where half of the limit was left, or nothing was heard for a window", () => {
    for (const [heard, pauseMs, isTold] of [
      [answer(30), 10, false],
      [answer(29), 10, true],
      [answer(29), 59_999, true],
      [answer(29), 60_000, false],
    ] as const) {
      const quota = hearing(heard, START_MS);
      expect(quota.decide(START_MS + pauseMs, 1)?.allowed).toBe(true);
      expect(quota.parting(START_MS + pauseMs)).toEqual(isTold ? { kind: "report", count: 1 } : null);
    }
  });

  it("never makes up for a denial: who was refused asks, for a window after the last time", () => {
    const quota = hearing(answer(0, 50_000), START_MS);
    expect(quota.decide(START_MS + 49_000, 1)).toMatchObject({ allowed: false, retryAfterMs: 1_000 });
    expect(quota.decide(START_MS + 50_000, 1)).toBeNull();
    // It was refused from memory at 49,000.
    expect(quota.decide(START_MS + 108_999, 1)).toBeNull();
    expect(quota.decide(START_MS + 109_000, 1)?.allowed).toBe(true);
    // A word of the server that more than half is left ends it sooner.
    quota.ask(START_MS + 110_000, 1);
    quota.answered(START_MS + 110_000, 1, answer(0, 60_000));
    quota.ask(START_MS + 111_000, 1);
    quota.answered(START_MS + 111_000, 1, answer(40));
    expect(quota.decide(START_MS + 171_001, 1)?.allowed).toBe(true);
  });

  it("keeps to a denial that is longer than the window, by which an estimate frees its last units", () => {
    const quota = hearing(answer(0, 70_000), START_MS);
    expect(quota.decide(START_MS + 69_999, 1)).toMatchObject({ allowed: false, retryAfterMs: 1 });
  });

  it("says of what is left no more than the server did", () => {
    const quota = hearing(answer(40), START_MS);
    expect(quota.decide(START_MS + 10, 1)).toMatchObject({ allowed: true, remaining: 40 });
    expect(quota.decide(START_MS + 60_000, 1)).toMatchObject({ allowed: true, remaining: 58 });
  });

  it("is told of when it is forgotten if more than half of what is quiet was used, and costs nothing otherwise", () => {
    const quota = new QuietQuota(LIMIT, QUIET, "open");
    for (let count = 0; count < 3; count += 1) quota.decide(START_MS, 1);
    expect(quota.parting(START_MS)).toBeNull();
    quota.decide(START_MS, 1);
    expect(quota.parting(START_MS)).toEqual({ kind: "report", count: 4 });
    expect(quota.parting(START_MS)).toBeNull();
  });

  it.each([30, -30])("outlives one reading of the clock %d days off", (days) => {
    const { request, asks } = isolate();
    for (let count = 0; count < 3; count += 1) request(START_MS + count);
    request(START_MS + days * 86_400_000);
    for (let count = 0; count < 3; count += 1) expect(request(START_MS + 10 + count).allowed).toBe(true);
    expect(asks).toEqual([]);
    const allowed = Array.from({ length: 200 }, () => request(START_MS + 20).allowed).filter(Boolean);
    expect(allowed.length).toBeLessThanOrEqual(60);
  });

  it("denies what costs more than the limit, or no number at all", () => {
    for (const cost of [61, Number.NaN]) {
      const quota = new QuietQuota(LIMIT, QUIET, "open");
      expect(quota.decide(START_MS, cost)).toBeNull();
    }
  });

  it("refuses a limit or a number of units that is none", () => {
    expect(() => new QuietQuota({ limit: 0, windowMs: 1 }, 1, "open")).toThrow("limit must be");
    expect(() => new QuietQuota(LIMIT, 0, "open")).toThrow("quietUnits must be an integer in [1, 60], got 0");
    expect(() => new QuietQuota(LIMIT, 61, "open")).toThrow("quietUnits must be an integer in [1, 60]");
  });
});

/** How many of these times lie in the window that ends with the given one. */
const inWindow = (timesMs: readonly number[], atMs: number, windowMs = LIMIT.windowMs): number =>
  timesMs.filter((other) => other <= atMs && other > atMs - windowMs).length;

const gaps = (maxMs: number, maxLength: number) =>
  fc.array(fc.integer({ min: 0, max: maxMs }), { minLength: 20, maxLength });

describe("whenever requests come", () => {
  it("the server hears of a client when an isolate sees more than is quiet within a window, and not before", () => {
    fc.assert(
      fc.property(gaps(30_000, 100), (gapsMs) => {
        const { request, asks } = isolate();
        const seenAtMs: number[] = [];
        let nowMs = START_MS;
        for (const gapMs of gapsMs) {
          seenAtMs.push((nowMs += gapMs));
          request(nowMs);
          const isBeyond = inWindow(seenAtMs, nowMs) > QUIET;
          expect(asks.length > 0).toBe(isBeyond);
          if (isBeyond) return;
        }
      }),
    );
  });

  it("is quiet exactly where the model is", () => {
    // So small a limit is reported at once: who is not quiet is told of in the same moment.
    const limit = { limit: 12, windowMs: 60_000 };
    const quietUnits = 4;
    fc.assert(
      fc.property(gaps(20_000, 120), (gapsMs) => {
        const { request, asks, server } = isolate({ limit, share: quietUnits / limit.limit });
        const admittedAtMs: number[] = [];
        let [nowMs, loudUntilMs] = [START_MS, 0];
        for (const gapMs of gapsMs) {
          nowMs += gapMs;
          const isQuiet = nowMs >= loudUntilMs && inWindow(admittedAtMs, nowMs) < quietUnits;
          const asked = asks.length;
          const decision = request(nowMs);
          if (decision.allowed) admittedAtMs.push(nowMs);
          expect(decision.allowed && asks.length === asked).toBe(isQuiet);
          const { allowed, remaining } = server.peek(nowMs, 1);
          if (!decision.allowed || (asks.length > asked && (!allowed || remaining * 2 < limit.limit)))
            loudUntilMs = nowMs + limit.windowMs;
          else if (asks.length > asked) loudUntilMs = 0;
        }
      }),
    );
  });

  it("never more than the limit and one quiet share pass in a window (two windows' edges)", () => {
    fc.assert(
      fc.property(gaps(3_000, 400), (gapsMs) => {
        const { request } = isolate();
        const admittedAtMs: number[] = [];
        let nowMs = START_MS;
        for (const gapMs of gapsMs) if (request((nowMs += gapMs)).allowed) admittedAtMs.push(nowMs);
        for (const atMs of admittedAtMs)
          expect(inWindow(admittedAtMs, atMs)).toBeLessThanOrEqual(LIMIT.limit + QUIET);
      }),
    );
  });

  it("through several isolates never more than the limit, and for each of them its quiet units and the one it reports", () => {
    // So small a limit is reported at once: what is late otherwise is not in the way here.
    const limits = fc.record({
      limit: fc.integer({ min: 4, max: 12 }),
      windowMs: fc.constantFrom(1_000, 60_000),
    });
    const steps = fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 0, max: 100 })), {
      minLength: 50,
      maxLength: 250,
    });
    fc.assert(
      fc.property(limits, fc.double({ min: 0.25, max: 1, noNaN: true }), steps, (limit, share, requests) => {
        const { request } = isolates(5, { limit, share });
        const admittedAtMs: number[] = [];
        let nowMs = START_MS;
        for (const [index, gap] of requests) {
          nowMs += (gap * limit.windowMs) / 1_000;
          if (request(nowMs, index).allowed) admittedAtMs.push(nowMs);
        }
        const most = limit.limit + 5 * (Math.floor(limit.limit * share) + 1);
        for (const atMs of admittedAtMs)
          expect(inWindow(admittedAtMs, atMs, limit.windowMs)).toBeLessThanOrEqual(most);
      }),
    );
  });

  it("the server knows of every unit of a flood, but for the quiet ones of who is forgotten, whatever is late, lost or repeated", () => {
    const fates = ["late", "ask lost", "answer lost", "answered twice", "restarted"] as const;
    fc.assert(
      fc.property(wireSteps(fates, 40), fc.constantFrom(20, 120, 600), (steps, limit) => {
        const wire = new QuotaWire("async", { limit, windowMs: 60_000 }, 1 / 20);
        let nowMs = 1_000_000;
        for (const step of steps) wire.request((nowMs += step.afterMs), step);
        wire.part(nowMs + LATE_MS);
        const told = wire.served.reduce((sum, { units }) => sum + units, 0);
        const forgotten = ISOLATES * Math.ceil((limit * (1 / 20)) / 2);
        expect(told).toBeGreaterThanOrEqual(wire.admittedAtMs.length - forgotten);
      }),
    );
  });

  it("nothing is told twice where no message is lost", () => {
    fc.assert(
      fc.property(wireSteps(["late", "restarted"], 200), (steps) => {
        const wire = new QuotaWire("async", { limit: 600, windowMs: 60_000 }, 1 / 20);
        let nowMs = 1_000_000;
        for (const step of steps) wire.request((nowMs += step.afterMs), step);
        wire.part(nowMs + LATE_MS);
        expect(wire.admittedAtMs).toHaveLength(steps.length);
        expect(wire.served.reduce((sum, { units }) => sum + units, 0)).toBeLessThanOrEqual(steps.length);
      }),
    );
  });
});
