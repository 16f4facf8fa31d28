import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RetryThrottle } from "../../../src/resilience/retry/retry-throttle.ts";

function after(
  failures: number,
  successes: number,
  options?: ConstructorParameters<typeof RetryThrottle>[0],
): RetryThrottle {
  const throttle = new RetryThrottle(options);
  for (let call = 0; call < failures; call += 1) throttle.failure();
  for (let call = 0; call < successes; call += 1) throttle.success();
  return throttle;
}

describe("a retry throttle", () => {
  it("allows retries until five calls of ten tokens have failed", () => {
    expect(after(0, 0).allowsRetry).toBe(true);
    expect(after(4, 0).allowsRetry).toBe(true);
    expect(after(5, 0).allowsRetry).toBe(false);
  });

  it("allows them again as soon as there is more than half, a tenth for each success", () => {
    expect(after(5, 0).allowsRetry).toBe(false);
    expect(after(5, 1).allowsRetry).toBe(true);
    expect(after(6, 10).allowsRetry).toBe(false);
    expect(after(6, 11).allowsRetry).toBe(true);
  });

  it("has no debts: after any number of failures, 51 successes are enough, and 50 are not", () => {
    for (const failures of [10, 11, 1_000]) {
      expect(after(failures, 50).allowsRetry).toBe(false);
      expect(after(failures, 51).allowsRetry).toBe(true);
    }
  });

  it("saves nothing beyond its ten tokens", () => {
    const throttle = after(0, 1_000);
    for (let call = 0; call < 5; call += 1) throttle.failure();
    expect(throttle.allowsRetry).toBe(false);
  });

  it("can have other numbers of tokens and give back other shares", () => {
    expect(after(1, 0, { tokensMax: 4 }).allowsRetry).toBe(true);
    expect(after(2, 0, { tokensMax: 4 }).allowsRetry).toBe(false);
    expect(after(2, 1, { tokensMax: 4, tokenRatio: 0.001 }).allowsRetry).toBe(true);
    expect(after(1, 1, { tokensMax: 1, tokenRatio: 1 }).allowsRetry).toBe(true);
    expect(after(1, 5, { tokensMax: 1 }).allowsRetry).toBe(false);
  });

  it("agrees with counting in decimals, whatever happens", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (calls) => {
        const throttle = new RetryThrottle();
        let tenths = 100;
        for (const isSuccess of calls) {
          if (isSuccess) throttle.success();
          else throttle.failure();
          tenths = isSuccess ? Math.min(100, tenths + 1) : Math.max(0, tenths - 10);
          expect(throttle.allowsRetry).toBe(tenths > 50);
        }
      }),
    );
  });

  it("refuses options out of range", () => {
    const make = (options: ConstructorParameters<typeof RetryThrottle>[0]) => () =>
      new RetryThrottle(options);
    expect(make({ tokensMax: 0.5 })).toThrow(new RangeError("tokensMax must be in [1, 1000], got 0.5"));
    expect(make({ tokensMax: 1_001 })).toThrow(new RangeError("tokensMax must be in [1, 1000], got 1001"));
    expect(make({ tokenRatio: 0.0009 })).toThrow(
      new RangeError("tokenRatio must be in [0.001, 10], got 0.0009"),
    );
    expect(make({ tokensMax: 3, tokenRatio: 4 })).toThrow(
      new RangeError("tokenRatio must be in [0.001, 3], got 4"),
    );
    expect(make({ tokensMax: 1_000, tokenRatio: 1_000 })).not.toThrow();
  });
});
