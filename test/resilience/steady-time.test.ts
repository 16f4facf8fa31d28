import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SteadyTime } from "../../src/resilience/steady-time.ts";

describe("steady time", () => {
  it("is the caller's, in whole ms", () => {
    const time = new SteadyTime(1000);
    expect([time.at(5), time.at(5.9), time.at(6.1), time.lastMs]).toEqual([5, 5, 6, 6]);
    expect(time.callersMs(10)).toBe(10);
  });

  it("never runs backwards", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200_000 })), fc.nat(100_000), (times, windowMs) => {
        const time = new SteadyTime(windowMs);
        let last = 0;
        for (const nowMs of times) {
          expect(time.at(nowMs)).toBeGreaterThanOrEqual(last);
          last = time.lastMs;
        }
      }),
    );
  });

  it("stands still through a step back of 10 s", () => {
    const time = new SteadyTime(1000);
    expect([time.at(50_000), time.at(40_000), time.at(49_999), time.at(50_001)]).toEqual([
      50_000, 50_000, 50_000, 50_001,
    ]);
  });

  it("goes on from a step back of more than 10 s", () => {
    const time = new SteadyTime(1000);
    expect([time.at(50_000), time.at(39_999), time.at(39_999), time.at(40_009)]).toEqual([
      50_000, 50_000, 50_000, 50_010,
    ]);
    expect(time.callersMs(50_010)).toBe(40_009);
    expect([time.at(20_000), time.at(20_001)]).toEqual([50_010, 50_011]);
  });

  it("stands still for a window where that is longer", () => {
    const time = new SteadyTime(20_000);
    expect([time.at(50_000), time.at(30_000), time.at(30_010)]).toEqual([50_000, 50_000, 50_000]);
    expect([time.at(29_999), time.at(30_010)]).toEqual([50_000, 50_011]);
  });

  it("starts from a time already seen", () => {
    const time = new SteadyTime(1000, 70_000);
    expect([time.lastMs, time.at(65_000), time.at(70_001)]).toEqual([70_000, 70_000, 70_001]);
  });

  it("ignores what is no time", () => {
    const time = new SteadyTime(1000, 5);
    expect([time.at(Number.NaN), time.at(6)]).toEqual([5, 6]);
  });
});
