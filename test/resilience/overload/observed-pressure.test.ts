import { describe, expect, it } from "vitest";
import { ObservedPressure } from "../../../src/resilience/overload/observed-pressure.ts";

const T0 = 1_700_000_000_000;
const FLIGHT = 40;

/**
 * Pressure on an upstream whose best time is `minRtMs`, with the same work in flight before and
 * after each answer.
 */
function observed(minRtMs: number) {
  const pressure = new ObservedPressure();
  return {
    pressure,
    answers: (atMs: number, rtMs: number, times = 1, inFlight = FLIGHT): void => {
      for (let time = 0; time < times; time += 1) pressure.onDone(T0 + atMs, rtMs, minRtMs, inFlight);
    },
  };
}

describe("pressure as it shows in response times", () => {
  it("is high when they are over twice the best for half a second", () => {
    const { pressure, answers } = observed(100);
    answers(0, 200.1);
    expect(pressure.isHigh(T0 + 499)).toBe(false);
    expect(pressure.isHigh(T0 + 500)).toBe(true);
  });

  it("is not high at twice the best", () => {
    const { pressure, answers } = observed(100);
    answers(0, 200);
    expect(pressure.isHigh(T0 + 9_999)).toBe(false);
    expect(pressure.excess(T0)).toBe(1);
  });

  it("gives a quick upstream 50 ms over its best", () => {
    const { pressure, answers } = observed(10);
    answers(0, 60);
    expect(pressure.isHigh(T0 + 500)).toBe(false);
    expect(pressure.excess(T0)).toBe(1);
    const slower = observed(10);
    slower.answers(0, 60.1);
    expect(slower.pressure.isHigh(T0 + 500)).toBe(true);
  });

  it("counts the half second from the first slow answer since the last good one", () => {
    const { pressure, answers } = observed(10);
    answers(0, 100);
    answers(400, 0, 10);
    answers(450, 100, 20);
    answers(800, 100);
    expect(pressure.isHigh(T0 + 949)).toBe(false);
    expect(pressure.isHigh(T0 + 950)).toBe(true);
  });

  it("takes a tenth of each new time into its average", () => {
    const { pressure, answers } = observed(100);
    answers(0, 100);
    answers(0, 200);
    expect(pressure.excess(T0)).toBeCloseTo(110 / 200, 10);
    answers(0, 0);
    expect(pressure.excess(T0)).toBeCloseTo(99 / 200, 10);
  });

  it("averages from the first time on, be it 0", () => {
    const { pressure, answers } = observed(100);
    answers(0, 0);
    answers(0, 200);
    expect(pressure.excess(T0)).toBeCloseTo(20 / 200, 10);
  });

  it("tells how far over the trigger they are, by the best of the time", () => {
    const { pressure, answers } = observed(100);
    expect(pressure.excess(T0)).toBe(0);
    answers(0, 500);
    expect(pressure.excess(T0)).toBe(2.5);
    pressure.onDone(T0, 500, 250, FLIGHT);
    expect(pressure.excess(T0)).toBe(1);
  });

  it("is not high before anything was seen", () => {
    expect(new ObservedPressure().isHigh(T0)).toBe(false);
  });
});

describe("pressure while work", () => {
  it("piles up is high, and is not while less is in flight than when it became slow", () => {
    const { pressure, answers } = observed(10);
    answers(0, 100);
    pressure.onStart(T0, FLIGHT - 1);
    expect(pressure.isHigh(T0 + 500)).toBe(false);
    pressure.onStart(T0, FLIGHT);
    expect(pressure.isHigh(T0 + 500)).toBe(true);
    answers(1, 100, 1, FLIGHT - 1);
    expect(pressure.isHigh(T0 + 501)).toBe(false);
    answers(2, 100, 1, FLIGHT + 1);
    expect(pressure.isHigh(T0 + 502)).toBe(true);
  });

  it("is compared with what was in flight at the first slow answer, not at the last", () => {
    const { pressure, answers } = observed(10);
    answers(0, 100, 1, 10);
    answers(1, 100, 1, 50);
    answers(2, 100, 1, 20);
    expect(pressure.isHigh(T0 + 500)).toBe(true);
  });
});

describe("pressure that the upstream tells of", () => {
  it("is high for half a second, a quarter over the trigger", () => {
    const pressure = new ObservedPressure();
    pressure.onOverloaded(T0);
    expect(pressure.isHigh(T0)).toBe(true);
    expect(pressure.excess(T0 + 499)).toBe(1.25);
    expect(pressure.isHigh(T0 + 499)).toBe(true);
    expect(pressure.isHigh(T0 + 500)).toBe(false);
    expect(pressure.excess(T0 + 500)).toBe(0);
  });

  it("is as far over the trigger as response times say where they say more", () => {
    const { pressure, answers } = observed(100);
    answers(0, 300);
    pressure.onOverloaded(T0);
    expect(pressure.excess(T0)).toBe(1.5);
  });
});

describe("a clock", () => {
  it("that steps back a little stands still, so that nothing lasts shorter or longer for it", () => {
    const { pressure, answers } = observed(10);
    answers(0, 100);
    expect(pressure.isHigh(T0 + 500)).toBe(true);
    expect(pressure.isHigh(T0 - 5_000)).toBe(true);
    pressure.onOverloaded(T0 - 5_000);
    answers(510, 0, 100);
    expect(pressure.isHigh(T0 + 999)).toBe(true);
    expect(pressure.isHigh(T0 + 1_000)).toBe(false);
  });

  it("that was set back for good goes on from there", () => {
    const pressure = new ObservedPressure();
    pressure.onOverloaded(T0);
    pressure.onOverloaded(T0 - 86_400_000);
    expect(pressure.isHigh(T0 - 86_400_000 + 499)).toBe(true);
    expect(pressure.isHigh(T0 - 86_400_000 + 500)).toBe(false);
  });
});

describe("pressure that was seen long ago", () => {
  it("is forgotten after ten seconds in which nothing ended: what begins then is no part of it", () => {
    const slow = (): ObservedPressure => {
      const pressure = new ObservedPressure();
      for (let atMs = 0; atMs <= 2_000; atMs += 100) pressure.onDone(1_000_000 + atMs, 900, 20, 40);
      pressure.onStart(1_002_000, 40);
      return pressure;
    };
    expect([slow().isHigh(1_002_000), slow().isHigh(1_011_999)]).toEqual([true, true]);
    for (const laterMs of [10_000, 3_600_000]) {
      const pressure = slow();
      pressure.onStart(1_002_000 + laterMs, 100);
      expect([pressure.isHigh(1_002_000 + laterMs), pressure.excess(1_002_000 + laterMs)]).toEqual([
        false,
        0,
      ]);
      pressure.onDone(1_002_020 + laterMs, 20, 20, 100);
      expect([pressure.isHigh(1_002_600 + laterMs), pressure.excess(1_002_600 + laterMs) < 1]).toEqual([
        false,
        true,
      ]);
    }
  });
});
