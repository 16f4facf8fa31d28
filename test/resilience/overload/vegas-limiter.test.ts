import { describe, expect, it } from "vitest";
import { VegasLimiter } from "../../../src/resilience/overload/vegas-limiter.ts";
import { LimitDriver } from "../support/limit-driver.ts";

/**
 * A limiter of 100 in full use that knows a best response time of 100 ms: log10 of the limit is 2.
 */
function warm(inFlight = 100): LimitDriver {
  const driver = new LimitDriver(new VegasLimiter({ initialLimit: 100, maxLimit: 100 }), inFlight).end(
    100,
    100,
  );
  expect(driver.limit).toBe(100);
  return driver;
}

/**
 * The limit after a round at the response time that a queue of so many makes, starting at a limit
 * of 100.
 */
function afterQueueOf(places: number, inFlight = 100): number {
  const rtMs = 100 / (1 - places / 100);
  const limiter = new VegasLimiter({ initialLimit: 100 });
  const driver = new LimitDriver(limiter, 1).end(100, 100);
  expect(driver.limit).toBe(100);
  driver.want(inFlight);
  return driver.end(100, rtMs).limit;
}

describe("a Vegas limiter", () => {
  it("grows by six times log10(limit) while the queue is no longer than log10(limit)", () => {
    expect(afterQueueOf(0)).toBe(112);
    expect(afterQueueOf(1.5)).toBe(112);
  });

  it("grows by log10(limit) while the queue is shorter than three times that", () => {
    expect(afterQueueOf(2.5)).toBe(102);
    expect(afterQueueOf(4.5)).toBe(102);
  });

  it("stays while the queue is between three and six times log10(limit)", () => {
    expect(afterQueueOf(5.5)).toBe(100);
    expect(afterQueueOf(11.5)).toBe(100);
  });

  it("shrinks by log10(limit) where the queue is longer than six times that", () => {
    expect(afterQueueOf(12.5)).toBe(98);
    expect(afterQueueOf(90)).toBe(98);
  });

  it("learns nothing from a limit of which less than half was ever in use", () => {
    expect(afterQueueOf(0, 49)).toBe(100);
    expect(afterQueueOf(0, 50)).toBe(112);
    expect(afterQueueOf(90, 49)).toBe(100);
    expect(afterQueueOf(90, 50)).toBe(98);
  });

  it("forgets after each round how much was in use, and how long the round took", () => {
    const driver = new LimitDriver(new VegasLimiter({ initialLimit: 100 }), 60).end(100, 100);
    expect(driver.limit).toBe(112);
    driver.want(40);
    expect(driver.end(112, 100).limit).toBe(112);
    driver.want(100);
    expect(driver.end(112, 100 / (1 - 50 / 112)).limit).toBe(109);
  });

  it("decides once for each round of as many samples as the limit", () => {
    const driver = new LimitDriver(new VegasLimiter(), 64);
    expect(driver.end(63, 20).limit).toBe(64);
    expect(driver.end(1, 20).limit).toBe(74);
  });

  it("is not misled by work of uneven length: it compares means", () => {
    const driver = new LimitDriver(new VegasLimiter({ initialLimit: 100, maxLimit: 100 }), 100);
    for (let round = 0; round < 50; round += 1) driver.end(50, 20).end(50, 180);
    expect(driver.limit).toBe(100);
  });

  it("shrinks at once when it is told that the upstream is overloaded, and knows no more than before", () => {
    const driver = warm(1);
    expect(driver.end(1, 1, "overloaded").limit).toBe(98);
    expect(driver.end(99, 1, "overloaded").limit).toBe(32);
    const small = new LimitDriver(new VegasLimiter({ initialLimit: 5, minLimit: 1 }), 1);
    expect(small.end(1, 1, "overloaded").limit).toBe(4);
  });

  it("learns nothing from quick failures, nor from a clock that stands still", () => {
    const driver = warm();
    expect(driver.end(1_000, 100, "failure").limit).toBe(100);
    expect(driver.end(1_000, 0).limit).toBe(100);
    // Had a quick failure counted as the best, this would be a queue.
    expect(driver.end(100, 100).limit).toBe(100);
    const unlimited = new LimitDriver(new VegasLimiter({ initialLimit: 100 }), 1).end(100, 100);
    unlimited.want(100);
    expect(unlimited.end(1_000, 100, "failure").limit).toBe(100);
    const cold = new LimitDriver(new VegasLimiter(), 64);
    expect(cold.end(1_000, 500, "failure").limit).toBe(64);
    expect(cold.end(64, 0.5).limit).toBe(74);
  });

  it("sees a queue by failures after a long wait", () => {
    expect(warm().end(99, 1_000, "failure").limit).toBe(100);
    expect(warm().end(100, 1_000, "failure").limit).toBe(98);
  });

  it("takes an upstream that is slower for good for what it is, once thirty rounds of nothing else are over", () => {
    const driver = new LimitDriver(new VegasLimiter({ initialLimit: 100, minLimit: 99, maxLimit: 101 }), 101);
    const limitAfterRound = (rtMs: number): number => driver.end(driver.limit, rtMs).limit;
    expect(limitAfterRound(100)).toBe(101);
    // The first thirty rounds have seen the quick one; the next thirty haven't, but it counts until
    // they are over.
    for (let round = 2; round < 60; round += 1) expect(limitAfterRound(200)).toBe(99);
    expect(limitAfterRound(200)).toBe(101);
  });

  it("remembers the best of the last thirty rounds when it forgets those before", () => {
    const driver = new LimitDriver(new VegasLimiter({ initialLimit: 100, minLimit: 99, maxLimit: 101 }), 101);
    const limitAfterRound = (rtMs: number): number => driver.end(driver.limit, rtMs).limit;
    limitAfterRound(10);
    for (let round = 2; round < 60; round += 1) limitAfterRound(round === 40 ? 50 : 100);
    // The sixtieth round: 10 ms are forgotten, 50 ms are not.
    expect(limitAfterRound(100)).toBe(99);
    expect(limitAfterRound(50.5)).toBe(101);
  });
});
