import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RollingPercentile } from "../../../src/resilience/window/rolling-percentile.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";

const exact = { refreshMs: 0 };

describe("a rolling percentile", () => {
  it("is null as long as there is nothing", () => {
    expect(new RollingPercentile().percentile(0, 50)).toBeNull();
  });

  it("interpolates between the two nearest values", () => {
    const rolling = new RollingPercentile(exact);
    for (const value of [40, 10, 30, 20]) rolling.add(0, value, 0);
    expect([0, 25, 50, 100].map((percent) => rolling.percentile(0, percent))).toEqual([10, 17.5, 25, 40]);
    rolling.add(0, 9, 0);
    expect(rolling.percentile(0, 25)).toBe(10);
  });

  it("is the only value if there is one", () => {
    const rolling = new RollingPercentile(exact);
    rolling.add(0, 5, 0);
    expect([0, 95, 100].map((percent) => rolling.percentile(0, percent))).toEqual([5, 5, 5]);
  });

  it("forgets a value when its bucket leaves the window of a minute", () => {
    const rolling = new RollingPercentile(exact);
    rolling.add(0, 100, 0);
    rolling.add(10_000, 1, 0);
    expect([59_999, 60_000, 69_999, 70_000].map((atMs) => rolling.percentile(atMs, 100))).toEqual([
      100,
      1,
      1,
      null,
    ]);
  });

  it("starts anew in a bucket that is used again", () => {
    const rolling = new RollingPercentile(exact);
    for (let value = 0; value < 5; value += 1) rolling.add(0, value, 0);
    rolling.add(60_000, 7, 0);
    expect([rolling.percentile(60_000, 0), rolling.percentile(60_000, 100)]).toEqual([7, 7]);
  });

  it("keeps 100 values of a bucket; the next takes the place that chance names, or none", () => {
    const rolling = new RollingPercentile(exact);
    for (let value = 1; value <= 100; value += 1) rolling.add(0, value, 0);
    rolling.add(0, 1_000, 100 / 101);
    expect(rolling.percentile(0, 100)).toBe(100);
    rolling.add(0, 1_000, 99.5 / 102);
    expect([rolling.percentile(0, 0), rolling.percentile(0, 100)]).toEqual([1, 1_000]);
    // Of 1 … 99 and 1000, rank 98.01 lies a hundredth of the way from 99 to 1000.
    expect(rolling.percentile(0, 99)).toBeCloseTo(108.01, 9);
    rolling.add(0, 2_000, 0);
    expect([rolling.percentile(0, 0), rolling.percentile(0, 100)]).toEqual([2, 2_000]);
  });

  it("leaves the other buckets alone when it drops a value", () => {
    const rolling = new RollingPercentile({ ...exact, windowMs: 2_000, buckets: 2, samplesMax: 1 });
    rolling.add(1_000, 10, 0);
    rolling.add(2_000, 20, 0);
    rolling.add(2_000, 30, 0.5);
    expect([rolling.percentile(2_000, 0), rolling.percentile(2_000, 100)]).toEqual([10, 20]);
  });

  it("counts on when the clock is set back for good", () => {
    const rolling = new RollingPercentile(exact);
    rolling.add(10_000_000, 5, 0);
    expect(rolling.percentile(10_000_000, 100)).toBe(5);
    for (let call = 1; call <= 5; call += 1) {
      rolling.add(6_400_000 + call, 5 + call, 0);
      expect([rolling.percentile(6_400_000 + call, 0), rolling.percentile(6_400_000 + call, 100)]).toEqual([
        5,
        5 + call,
      ]);
    }
  });

  it("keeps a fair sample: each of 1,000 values is kept equally often", () => {
    const random = mulberry32(1);
    let sum = 0;
    for (let run = 0; run < 200; run += 1) {
      const rolling = new RollingPercentile({ ...exact, buckets: 1 });
      for (let value = 0; value < 1_000; value += 1) rolling.add(0, value, random());
      sum += rolling.percentile(0, 50) ?? 0;
    }
    expect(sum / 200).toBeGreaterThan(485);
    expect(sum / 200).toBeLessThan(515);
  });

  it("answers from the same sorted values for a second", () => {
    const rolling = new RollingPercentile();
    rolling.add(0, 1, 0);
    expect(rolling.percentile(0, 100)).toBe(1);
    rolling.add(0, 2, 0);
    expect([rolling.percentile(999, 100), rolling.percentile(1_000, 100)]).toEqual([1, 2]);
    rolling.add(1_000, 3, 0);
    expect([rolling.percentile(1_999, 100), rolling.percentile(2_000, 100)]).toEqual([2, 3]);
  });

  it("does not keep answering that there is nothing", () => {
    const rolling = new RollingPercentile();
    expect(rolling.percentile(0, 50)).toBeNull();
    rolling.add(0, 1, 0);
    expect(rolling.percentile(0, 50)).toBe(1);
  });

  it("equals a sorted list while no bucket is full", () => {
    const values = fc.array(fc.record({ waitMs: fc.nat(300), value: fc.nat(1_000) }), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 100 }), (steps, percent) => {
        const rolling = new RollingPercentile({ ...exact, windowMs: 1_000, buckets: 5 });
        let atMs = 0;
        const list: { slot: number; value: number }[] = [];
        for (const { waitMs, value } of steps) {
          atMs += waitMs;
          rolling.add(atMs, value, 0.5);
          list.push({ slot: Math.floor(atMs / 200), value });
        }
        const live = list.filter(({ slot }) => Math.floor(atMs / 200) - slot < 5).map(({ value }) => value);
        const sorted = live.toSorted((a, b) => a - b);
        const rank = (percent / 100) * (sorted.length - 1);
        const below = sorted[Math.floor(rank)] ?? Number.NaN;
        const above = sorted[Math.ceil(rank)] ?? Number.NaN;
        expect(rolling.percentile(atMs, percent)).toBeCloseTo(below + (rank % 1) * (above - below), 9);
      }),
    );
  });

  it("refuses options and percentages out of range", () => {
    const make = (options: object) => () => new RollingPercentile(options);
    expect(make({ samplesMax: 0 })).toThrow(
      new RangeError("samplesMax must be an integer in [1, 10000], got 0"),
    );
    expect(make({ samplesMax: 10_001 })).toThrow(
      new RangeError("samplesMax must be an integer in [1, 10000], got 10001"),
    );
    expect(make({ refreshMs: -1 })).toThrow(
      new RangeError("refreshMs must be an integer in [0, 60000], got -1"),
    );
    expect(make({ refreshMs: 60_001 })).toThrow(
      new RangeError("refreshMs must be an integer in [0, 60000], got 60001"),
    );
    expect(make({ buckets: 7 })).toThrow(
      new RangeError("windowMs must be a multiple of buckets (7), got 60000"),
    );
    const rolling = new RollingPercentile();
    expect(() => rolling.percentile(0, -0.1)).toThrow(
      new RangeError("percent must be in [0, 100], got -0.1"),
    );
    expect(() => rolling.percentile(0, 100.1)).toThrow(
      new RangeError("percent must be in [0, 100], got 100.1"),
    );
    expect(() => rolling.percentile(0, Number.NaN)).toThrow(
      new RangeError("percent must be in [0, 100], got NaN"),
    );
  });
});
