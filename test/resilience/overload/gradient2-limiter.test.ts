import { describe, expect, it } from "vitest";
import { Gradient2Limiter } from "../../../src/resilience/overload/gradient2-limiter.ts";
import { LimitDriver } from "../support/limit-driver.ts";

type Options = ConstructorParameters<typeof Gradient2Limiter>[0];

/**
 * A limiter of 100 in which so much is in flight, after 600 pieces of work of 100 ms at next to no
 * load.
 */
function warm(inFlight = 100, options: Options = {}): LimitDriver {
  const driver = new LimitDriver(new Gradient2Limiter({ initialLimit: 100, ...options }), 1).end(600, 100);
  expect(driver.limit).toBe(100);
  driver.want(inFlight);
  return driver;
}

/**
 * The limit after one of five steps, the step being a fifth of the way to limit × gradient +
 * √limit.
 */
const step = (gradient: number): number => Math.floor(100 * 0.8 + (100 * gradient + 10) * 0.2);

describe("a Gradient2 limiter", () => {
  it("grows by a fifth of the root of the limit while work is not slower than half over the usual", () => {
    expect(warm().end(1, 100).limit).toBe(102);
    expect(warm().end(1, 149).limit).toBe(102);
    expect(warm().end(1, 60).limit).toBe(102);
  });

  it("follows the gradient where work is slower", () => {
    const longMs = 100 + 100 / 600;
    expect(warm().end(1, 200).limit).toBe(step((1.5 * longMs) / 200));
    expect(step((1.5 * longMs) / 200)).toBe(97);
    expect(warm().end(1, 250).limit).toBe(step((1.5 * (100 + 150 / 600)) / 250));
  });

  it("never halves the limit at once: the gradient is at least a half", () => {
    expect(warm().end(1, 400).limit).toBe(step(0.5));
    expect(warm().end(1, 100_000).limit).toBe(step(0.5));
  });

  it("bears as much slowness as it is told to", () => {
    expect(warm(100, { tolerance: 3 }).end(1, 300).limit).toBe(102);
    expect(warm(100, { tolerance: 1 }).end(1, 200).limit).toBe(step((100 + 100 / 600) / 200));
  });

  it("learns nothing from a limit of which less than half is in use", () => {
    expect(warm(49).end(1, 1_000).limit).toBe(100);
    expect(warm(50).end(1, 1_000).limit).toBe(92);
    expect(warm(49).end(1, 100).limit).toBe(100);
    expect(warm(50).end(1, 100).limit).toBe(102);
  });

  it("gets used to what lasts", () => {
    const driver = warm(100, { maxLimit: 100 });
    expect(driver.end(5, 200).limit).toBeLessThan(100);
    expect(driver.end(3_000, 200).limit).toBe(100);
  });

  it("weighs its first 600 samples alike, and then the newest by a 600th", () => {
    const longAfter = (samples: number): LimitDriver =>
      new LimitDriver(new Gradient2Limiter({ initialLimit: 100, tolerance: 1 }), 1)
        .end(samples, 100)
        .end(samples, 150);
    // Of 300 and 300 the mean is 125; of 1200 and 1200 the first are nearly forgotten.
    const early = longAfter(300);
    early.want(100);
    expect(early.end(1, 150).limit).toBe(step(125 / 150));
    const late = longAfter(1_200);
    late.want(100);
    expect(late.end(1, 150).limit).toBe(step((150 - 50 * Math.exp(-2)) / 150));
  });

  it("forgets a slow past sooner once the upstream is twice as quick", () => {
    const recovered = (rtMs: number): number => {
      const driver = new LimitDriver(new Gradient2Limiter({ initialLimit: 100, tolerance: 1 }), 1)
        .end(600, 1_000)
        .end(40, rtMs);
      driver.want(100);
      return driver.end(1, 1_000).limit;
    };
    // 40 samples by themselves take the average from 1000 to 966 at most; by five percent each it
    // reaches the double of what is now.
    expect(recovered(100)).toBe(step(0.5));
    expect(recovered(510)).toBe(step((1_000 - 490 * (1 - Math.exp(-40 / 600))) / 1_000));
  });

  it("shrinks by a tenth when it is told that the upstream is overloaded, however quickly and whatever is in use", () => {
    expect(warm(1).end(1, 0, "overloaded").limit).toBe(90);
    expect(warm(100).end(1, 50, "overloaded").limit).toBe(90);
    const driver = warm(100);
    driver.end(1, 1, "overloaded");
    // The quick refusal is no usual response time.
    expect(driver.end(1, 140).limit).toBe(91);
  });

  it("learns nothing from quick failures, nor from a clock that stands still", () => {
    const driver = warm();
    expect(driver.end(500, 50, "failure").limit).toBe(100);
    expect(driver.end(500, 0).limit).toBe(100);
    expect(driver.end(1, 149).limit).toBe(102);
  });

  it("sees a queue by failures after a long wait, but never grows by them", () => {
    expect(warm().end(1, 400, "failure").limit).toBe(step(0.5));
    expect(warm().end(1, 140, "failure").limit).toBe(100);
    expect(new LimitDriver(new Gradient2Limiter(), 64).end(1, 10, "failure").limit).toBe(64);
  });

  it("refuses options out of range, and takes those at their edges", () => {
    const make = (options: Options) => () => new Gradient2Limiter(options);
    expect(make({ tolerance: 0.9 })).toThrow(new RangeError("tolerance must be in [1, 10], got 0.9"));
    expect(make({ tolerance: 10.1 })).toThrow(new RangeError("tolerance must be in [1, 10], got 10.1"));
    expect(make({ initialLimit: 31 })).toThrow(
      new RangeError("initialLimit must be an integer in [32, 1000], got 31"),
    );
    expect(make({ tolerance: 1 })).not.toThrow();
    expect(make({ tolerance: 10 })).not.toThrow();
  });
});
