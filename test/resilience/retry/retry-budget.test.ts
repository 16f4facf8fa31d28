import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RetryBudget } from "../../../src/resilience/retry/retry-budget.ts";

const T0 = 1_800_000_000_000;

/** How many retries can be taken out at once. */
function drain(budget: RetryBudget, nowMs: number): number {
  let retries = 0;
  while (retries < 100_000 && budget.tryWithdraw(nowMs)) retries += 1;
  return retries;
}

function request(budget: RetryBudget, nowMs: number, times: number): void {
  for (let call = 0; call < times; call += 1) budget.request(nowMs);
}

describe("a retry budget", () => {
  it("has one retry for each second of its ten, without any request", () => {
    expect(drain(new RetryBudget(), T0)).toBe(10);
  });

  it("has one retry more for every five requests", () => {
    const budget = new RetryBudget({ retriesPerSecondMin: 0 });
    request(budget, T0, 4);
    expect(budget.tryWithdraw(T0)).toBe(false);
    budget.request(T0);
    expect(budget.tryWithdraw(T0)).toBe(true);
    expect(budget.tryWithdraw(T0)).toBe(false);
    request(budget, T0, 1_000);
    expect(drain(budget, T0)).toBe(200);
  });

  it("forgets a request after ten seconds", () => {
    const budget = new RetryBudget({ retriesPerSecondMin: 0 });
    request(budget, T0, 10);
    request(budget, T0 + 1_000, 5);
    expect(drain(budget, T0 + 10_000)).toBe(1);
    const patient = new RetryBudget({ retriesPerSecondMin: 0 });
    request(patient, T0, 10);
    expect(drain(patient, T0 + 9_999)).toBe(2);
  });

  it("has its reserve back ten seconds after it was used up", () => {
    const budget = new RetryBudget();
    expect(drain(budget, T0)).toBe(10);
    expect(drain(budget, T0 + 9_999)).toBe(0);
    expect(drain(budget, T0 + 10_000)).toBe(10);
  });

  it("can be made for other times, reserves and shares", () => {
    expect(drain(new RetryBudget({ ttlMs: 1_000, retriesPerSecondMin: 3 }), T0)).toBe(3);
    expect(drain(new RetryBudget({ ttlMs: 60_000, retriesPerSecondMin: 0.1 }), T0)).toBe(6);
    const half = new RetryBudget({ retriesPerSecondMin: 0, retryRatio: 0.5 });
    request(half, T0, 3);
    expect(drain(half, T0)).toBe(1);
    const none = new RetryBudget({ retriesPerSecondMin: 0, retryRatio: 0 });
    request(none, T0, 1_000);
    expect(drain(none, T0)).toBe(0);
  });

  it("keeps no rounding: a thousand thousandths are one", () => {
    const budget = new RetryBudget({ retriesPerSecondMin: 0, retryRatio: 0.001 });
    request(budget, T0, 999);
    expect(budget.tryWithdraw(T0)).toBe(false);
    budget.request(T0);
    expect(budget.tryWithdraw(T0)).toBe(true);
  });

  it("never lets retries within its time exceed the reserve and a fifth of the requests", () => {
    const step = fc.record({ afterMs: fc.nat(1_500), requests: fc.nat(30), retries: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = new RetryBudget();
        let nowMs = T0;
        let requests = 0;
        let retries = 0;
        for (const { afterMs, ...step } of steps) {
          nowMs += afterMs;
          request(budget, nowMs, step.requests);
          requests += step.requests;
          for (let tries = 0; tries < step.retries; tries += 1) if (budget.tryWithdraw(nowMs)) retries += 1;
          // The reserve comes back with each ten seconds that pass.
          expect(retries).toBeLessThanOrEqual(requests * 0.2 + 10 * (1 + Math.ceil((nowMs - T0) / 9_000)));
        }
      }),
    );
  });

  it("stands still while the clock steps back", () => {
    const budget = new RetryBudget();
    expect(drain(budget, T0)).toBe(10);
    expect(drain(budget, T0 - 9_000)).toBe(0);
    request(budget, T0 - 9_000, 5);
    expect(drain(budget, T0)).toBe(1);
  });

  it("goes on by a clock that was set back for good", () => {
    const budget = new RetryBudget();
    expect(drain(budget, T0)).toBe(10);
    const setBackMs = T0 - 86_400_000;
    expect(drain(budget, setBackMs)).toBe(0);
    expect(drain(budget, setBackMs + 10_000)).toBe(10);
  });

  it("refuses options out of range, and takes those at its edges", () => {
    const make = (options: ConstructorParameters<typeof RetryBudget>[0]) => () => new RetryBudget(options);
    expect(make({ ttlMs: 990 })).toThrow(
      new RangeError("ttlMs must be an integer in [1000, 60000], got 990"),
    );
    expect(make({ ttlMs: 60_010 })).toThrow(
      new RangeError("ttlMs must be an integer in [1000, 60000], got 60010"),
    );
    expect(make({ ttlMs: 1_005 })).toThrow(new RangeError("ttlMs must be a multiple of 10, got 1005"));
    expect(make({ retriesPerSecondMin: -1 })).toThrow(
      new RangeError("retriesPerSecondMin must be in [0, 1000], got -1"),
    );
    expect(make({ retriesPerSecondMin: 1_001 })).toThrow(
      new RangeError("retriesPerSecondMin must be in [0, 1000], got 1001"),
    );
    expect(make({ retryRatio: -0.1 })).toThrow(new RangeError("retryRatio must be in [0, 1], got -0.1"));
    expect(make({ retryRatio: 1.1 })).toThrow(new RangeError("retryRatio must be in [0, 1], got 1.1"));
    expect(make({ ttlMs: 1_000, retriesPerSecondMin: 1_000, retryRatio: 1 })).not.toThrow();
    expect(make({ ttlMs: 60_000, retriesPerSecondMin: 0, retryRatio: 0 })).not.toThrow();
  });
});
