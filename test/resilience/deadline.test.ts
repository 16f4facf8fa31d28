import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  callLimitMs,
  deadlineOfOneMs,
  fairShareMs,
  hadItsTime,
  isWorthCalling,
  parseGrpcTimeout,
  remainingMs,
  USEFUL_MS_MIN,
} from "../../src/resilience/deadline.ts";

describe("a deadline", () => {
  it("leaves the time until it, and none once it has passed", () => {
    expect(remainingMs(1_000, 400)).toBe(600);
    expect(remainingMs(1_000, 999)).toBe(1);
    expect(remainingMs(1_000, 1_000)).toBe(0);
    expect(remainingMs(1_000, 1_001)).toBe(0);
  });

  it("is worth a call from 10 ms on", () => {
    expect(USEFUL_MS_MIN).toBe(10);
    expect(isWorthCalling(9.999)).toBe(false);
    expect(isWorthCalling(10)).toBe(true);
    expect(isWorthCalling(Number.NaN)).toBe(false);
  });

  it("gives a call its quota, or what is left less 5 ms for the way back", () => {
    expect(callLimitMs({ remainingMs: 1_000, timeoutMs: 300 })).toBe(300);
    expect(callLimitMs({ remainingMs: 305, timeoutMs: 300 })).toBe(300);
    expect(callLimitMs({ remainingMs: 304, timeoutMs: 300 })).toBe(299);
    expect(callLimitMs({ remainingMs: 304, timeoutMs: 300, marginMs: 100 })).toBe(204);
    expect(callLimitMs({ remainingMs: 5, timeoutMs: 300 })).toBe(0);
    expect(callLimitMs({ remainingMs: 3, timeoutMs: 300 })).toBe(0);
  });

  it("never gives a call more than its quota, nor a layer below more than the layer above has", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(10_000), (remaining, timeoutMs) => {
        const limitMs = callLimitMs({ remainingMs: remaining, timeoutMs });
        expect(limitMs).toBeGreaterThanOrEqual(0);
        expect(limitMs).toBeLessThanOrEqual(Math.min(timeoutMs, remaining));
      }),
    );
  });
});

describe("whoever is late", () => {
  const hadTime = (limitMs: number, isHurried = false): boolean =>
    hadItsTime({ limitMs, timeoutMs: 400, isHurried });

  it("has failed with its whole quota, hurry or not", () => {
    expect([hadTime(400), hadTime(401), hadTime(400, true)]).toEqual([true, true, true]);
  });

  it("has failed with half of it, unless a client's hurry cut it", () => {
    expect([hadTime(399), hadTime(200), hadTime(199.9), hadTime(0)]).toEqual([true, true, false, false]);
    expect([hadTime(399, true), hadTime(200, true)]).toEqual([false, false]);
    expect(fairShareMs(300)).toBe(150);
  });

  it("to somebody who waits for one call and no longer had the whole quota", () => {
    const remaining = remainingMs(deadlineOfOneMs(1_000, 300), 1_000);
    expect(callLimitMs({ remainingMs: remaining, timeoutMs: 300 })).toBe(300);
    expect(remaining - 300).toBeLessThan(USEFUL_MS_MIN);
  });
});

describe("a grpc-timeout", () => {
  it.each([
    ["2H", 7_200_000],
    ["3M", 180_000],
    ["1S", 1_000],
    ["250m", 250],
    ["1500u", 1.5],
    ["2000000n", 2],
    ["0m", 0],
    ["00000001S", 1_000],
    ["99999999m", 99_999_999],
  ])("of %s is %d ms", (text, ms) => {
    expect(parseGrpcTimeout(text)).toBeCloseTo(ms, 9);
  });

  it.each([
    "",
    "S",
    "1",
    "1s",
    "1h",
    "-1S",
    "+1S",
    "1.5S",
    " 1S",
    "1S ",
    "1 S",
    "1SS",
    "1mS",
    "100000000m",
    "1e3m",
    "0x1m",
    "x1m",
    "1xm",
    "١S",
  ])("of %j is none", (text) => {
    expect(parseGrpcTimeout(text)).toBeNull();
  });

  it("is understood for every number of at most eight digits, and never throws", () => {
    fc.assert(fc.property(fc.nat(99_999_999), (value) => parseGrpcTimeout(`${value}m`) === value));
    fc.assert(
      fc.property(fc.string(), (text) => {
        const ms = parseGrpcTimeout(text);
        expect(ms === null || ms >= 0).toBe(true);
      }),
    );
  });
});
