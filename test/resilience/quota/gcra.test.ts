import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Gcra, type GcraState } from "../../../src/resilience/quota/gcra.ts";
import { keepsTheLawsOfQuotas, stepsOf } from "../support/rate-quota-laws.ts";

const options = fc
  .record({
    limit: fc.integer({ min: 1, max: 300 }),
    windowMs: fc.integer({ min: 1, max: 60_000 }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ limit, windowMs, part }) => ({ limit, windowMs, burst: Math.max(1, Math.round(part * limit)) }));

describe("the generic cell rate algorithm", () => {
  keepsTheLawsOfQuotas(
    options.map((gcra) => ({ ...gcra, make: (state) => new Gcra(gcra, state as GcraState | undefined) })),
  );

  it("decides as the virtual scheduling form of ITU-T I.371 does", () => {
    fc.assert(
      fc.property(
        options.chain((gcra) => fc.tuple(fc.constant(gcra), stepsOf(gcra.windowMs, gcra.burst, ["take"]))),
        ([{ limit, windowMs, burst }, steps]) => {
          const gcra = new Gcra({ limit, windowMs, burst });
          // In ms × limit, so that T is a whole number.
          let tat = 0n;
          let nowMs = 0;
          for (const { afterMs, cost } of steps) {
            nowMs += afterMs;
            const now = BigInt(nowMs) * BigInt(limit);
            const next = (tat > now ? tat : now) + BigInt(cost) * BigInt(windowMs);
            const allowed = next - now <= BigInt(burst) * BigInt(windowMs);
            if (allowed) tat = next;
            expect(gcra.take(nowMs, cost).allowed).toBe(allowed);
          }
        },
      ),
    );
  });

  it("takes the whole limit at once if no burst is given, then paces", () => {
    const gcra = new Gcra({ limit: 10, windowMs: 1000 });
    expect(gcra.take(0, 10)).toEqual({ allowed: true, remaining: 0, resetMs: 100, retryAfterMs: 0 });
    expect(gcra.take(0, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 100, retryAfterMs: 100 });
    expect(gcra.take(99, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 1, retryAfterMs: 1 });
    expect(gcra.take(100, 1)).toEqual({ allowed: true, remaining: 0, resetMs: 100, retryAfterMs: 0 });
    expect(gcra.take(350, 1)).toEqual({ allowed: true, remaining: 1, resetMs: 50, retryAfterMs: 0 });
  });

  it("is not moved by denials", () => {
    const gcra = new Gcra({ limit: 1, windowMs: 1000 });
    gcra.take(0, 1);
    for (let atMs = 1; atMs < 1000; atMs += 100) expect(gcra.take(atMs, 1).retryAfterMs).toBe(1000 - atMs);
    expect(gcra.take(1000, 1).allowed).toBe(true);
  });

  it("moves its time on when units come back", () => {
    const gcra = new Gcra({ limit: 10, windowMs: 1000 });
    gcra.take(0, 10);
    gcra.giveBack(500, 1);
    expect(gcra.state).toEqual({ kind: "gcra", limit: 10, windowMs: 1000, debt: 4000, atMs: 500 });
    expect(gcra.idleAtMs).toBe(900);
  });

  it("lets nobody wait for more than two windows, whatever is absorbed", () => {
    const gcra = new Gcra({ limit: 10, windowMs: 1000, burst: 2 });
    gcra.absorb(0, 19);
    expect(gcra.idleAtMs).toBe(1900);
    gcra.absorb(0, 2);
    expect(gcra.idleAtMs).toBe(2000);
    expect(gcra.peek(0, 1).retryAfterMs).toBe(1900);
    expect(gcra.state).toEqual({ kind: "gcra", limit: 10, windowMs: 1000, debt: 20_000, atMs: 0 });
  });

  it.each([
    [{ limit: 0, windowMs: 1000 }, "limit must be an integer in [1, 1000000], got 0"],
    [{ limit: 5, windowMs: 0 }, "windowMs must be an integer in [1, 86400000], got 0"],
    [{ limit: 5, windowMs: 1000, burst: 0 }, "burst must be an integer in [1, 5], got 0"],
    [{ limit: 5, windowMs: 1000, burst: 6 }, "burst must be an integer in [1, 5], got 6"],
  ])("refuses %o", (gcra, message) => {
    expect(() => new Gcra(gcra)).toThrow(new RangeError(message));
  });
});
