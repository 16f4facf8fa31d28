import fc from "fast-check";
import { expect, it } from "vitest";
import type { RateQuota, RateQuotaState } from "../../../src/resilience/quota/rate-limit.ts";

interface Step {
  /** `back` takes by a clock that has stepped back. */
  readonly kind: "take" | "peek" | "absorb" | "giveBack" | "back";
  readonly cost: number;
  readonly afterMs: number;
}

export interface QuotaUnderTest {
  /** The most that fits at once. */
  readonly burst: number;
  readonly windowMs: number;
  readonly make: (state?: RateQuotaState) => RateQuota;
}

const START_MS = 1_800_000_000_123;

/** Steps of a client that comes in bursts and pauses, as `kinds` say. */
export function stepsOf(
  windowMs: number,
  costMax: number,
  kinds: readonly Step["kind"][],
): fc.Arbitrary<readonly Step[]> {
  const afterMs = fc.oneof(fc.constant(0), fc.nat(Math.ceil(windowMs / 8)), fc.nat(3 * windowMs));
  return fc.array(
    fc.record({ kind: fc.constantFrom(...kinds), cost: fc.integer({ min: 1, max: costMax }), afterMs }),
    { maxLength: 60 },
  );
}

function apply(quota: RateQuota, nowMs: number, { kind, cost }: Step): void {
  if (kind === "back") quota.take(nowMs - 1500, cost);
  else quota[kind](nowMs, cost);
}

const copyOf = (under: QuotaUnderTest, quota: RateQuota): RateQuota =>
  under.make(JSON.parse(JSON.stringify(quota.state)) as RateQuotaState);

/** What every quota keeps, whatever its algorithm. */
export function keepsTheLawsOfQuotas(under: fc.Arbitrary<QuotaUnderTest>): void {
  const runs = under.chain((quota) =>
    fc.record({
      under: fc.constant(quota),
      steps: stepsOf(quota.windowMs, quota.burst, [
        "take",
        "take",
        "take",
        "peek",
        "absorb",
        "giveBack",
        "back",
      ]),
      cost: fc.integer({ min: 1, max: quota.burst }),
    }),
  );
  const afterSteps = (
    test: (under: QuotaUnderTest, quota: RateQuota, nowMs: number, cost: number) => void,
  ): void => {
    fc.assert(
      fc.property(runs, ({ under, steps, cost }) => {
        const quota = under.make();
        let nowMs = START_MS;
        quota.take(nowMs, 1);
        for (const step of steps) apply(quota, (nowMs += step.afterMs), step);
        test(under, quota, nowMs, cost);
      }),
      { numRuns: 300 },
    );
  };

  it("allows a denied cost exactly when its retryAfterMs is over", () => {
    afterSteps((under, quota, nowMs, cost) => {
      const { allowed, retryAfterMs, resetMs } = quota.peek(nowMs, cost);
      expect(retryAfterMs > 0).toBe(!allowed);
      if (allowed) return;
      expect(resetMs).toBe(retryAfterMs);
      expect(copyOf(under, quota).take(nowMs + retryAfterMs, cost).allowed).toBe(true);
      expect(copyOf(under, quota).take(nowMs + retryAfterMs - 1, cost).allowed).toBe(false);
    });
  });

  it("frees the next unit exactly when resetMs is over", () => {
    afterSteps((under, quota, nowMs) => {
      const { allowed, remaining, resetMs } = quota.peek(nowMs, 0);
      expect(allowed || remaining === 0).toBe(true);
      expect(resetMs === 0).toBe(remaining === under.burst);
      if (!allowed || resetMs === 0) return;
      expect(copyOf(under, quota).peek(nowMs + resetMs, 0).remaining).toBeGreaterThan(remaining);
      expect(copyOf(under, quota).peek(nowMs + resetMs - 1, 0).remaining).toBe(remaining);
    });
  });

  it("allows a cost iff it remains, and takes exactly it", () => {
    afterSteps((_under, quota, nowMs, cost) => {
      const { remaining } = quota.peek(nowMs, 0);
      const peeked = quota.peek(nowMs, cost);
      expect(quota.peek(nowMs, 0).remaining).toBe(remaining);
      const taken = quota.take(nowMs, cost);
      expect(taken.allowed).toBe(cost <= remaining);
      expect(peeked.allowed).toBe(taken.allowed);
      expect(taken.remaining).toBe(taken.allowed ? remaining - cost : remaining);
      expect(peeked.remaining).toBe(remaining);
      expect(peeked.retryAfterMs).toBe(taken.retryAfterMs);
    });
  });

  it("gives back what was taken last", () => {
    afterSteps((_under, quota, nowMs, cost) => {
      const before = quota.peek(nowMs, 0);
      if (!quota.take(nowMs, cost).allowed) return;
      quota.giveBack(nowMs, cost);
      expect(quota.peek(nowMs, 0)).toEqual(before);
    });
  });

  it("never has more than the limit to give, whatever is given back", () => {
    afterSteps((under, quota, nowMs) => {
      quota.giveBack(nowMs, 1_000_000_000);
      expect(quota.peek(nowMs, 0)).toEqual({
        allowed: true,
        remaining: under.burst,
        resetMs: 0,
        retryAfterMs: 0,
      });
      expect(quota.take(nowMs, under.burst)).toMatchObject({ allowed: true, remaining: 0 });
      expect(quota.take(nowMs, 1).allowed).toBe(false);
    });
  });

  it("counts what was admitted elsewhere, even above the limit, and forgets it by its idleAtMs", () => {
    afterSteps((under, quota, nowMs, cost) => {
      quota.absorb(nowMs, cost);
      quota.absorb(nowMs, 5 * under.burst);
      expect(quota.take(nowMs, 1)).toMatchObject({ allowed: false, remaining: 0 });
      const { idleAtMs } = quota;
      expect(copyOf(under, quota).peek(idleAtMs, 0)).toEqual({
        allowed: true,
        remaining: under.burst,
        resetMs: 0,
        retryAfterMs: 0,
      });
      expect(copyOf(under, quota).peek(idleAtMs - 1, 0).resetMs).toBeGreaterThan(0);
      expect(idleAtMs - nowMs).toBeLessThanOrEqual(2 * under.windowMs + 1);
    });
  });

  it("is idle from its last moment on if nothing is counted", () => {
    afterSteps((_under, quota, nowMs) => {
      quota.giveBack(nowMs, 1_000_000_000);
      const last = quota.peek(nowMs, 0);
      expect(last.resetMs).toBe(0);
      expect(quota.idleAtMs).toBeLessThanOrEqual(Math.max(nowMs, START_MS));
    });
  });

  it("decides the same after a restart from its state", () => {
    afterSteps((under, quota, nowMs, cost) => {
      const copy = copyOf(under, quota);
      expect(copy.state).toEqual(quota.state);
      for (const afterMs of [0, 1, Math.floor(under.windowMs / 3), under.windowMs]) {
        expect(copy.take(nowMs + afterMs, cost)).toEqual(quota.take(nowMs + afterMs, cost));
      }
      expect(copy.state).toEqual(quota.state);
    });
  });

  it("always denies what is above the limit or no number, with the window to wait", () => {
    afterSteps((under, quota, nowMs) => {
      for (const cost of [under.burst + 1, Number.POSITIVE_INFINITY, Number.NaN]) {
        const before = quota.peek(nowMs, 0);
        expect(quota.take(nowMs, cost)).toMatchObject({
          allowed: false,
          resetMs: under.windowMs,
          retryAfterMs: under.windowMs,
        });
        expect(quota.peek(nowMs, 0)).toEqual(before);
      }
    });
  });

  it("frees nothing when the clock steps back a little, and goes on when it was set back for good", () => {
    afterSteps((under, quota, nowMs) => {
      quota.absorb(nowMs, 2 * under.burst);
      expect(quota.take(nowMs - 9000, 1).allowed).toBe(false);
      const setBackMs = nowMs - 10 * 86_400_000;
      expect(quota.take(setBackMs, 1).allowed).toBe(false);
      const idleMs = quota.idleAtMs;
      expect(idleMs).toBeLessThanOrEqual(setBackMs + 2 * under.windowMs + 1);
      expect(quota.take(idleMs - 1, 0).resetMs).toBeGreaterThan(0);
      expect(quota.take(idleMs, under.burst).allowed).toBe(true);
    });
  });
}
