import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, nextAttempt } from "../../../src/resilience/retry/retry-policy.ts";

const ALMOST_ONE = 1 - 2 ** -53;
const TRY = { attempt: 1, attemptsMax: 3, remainingMs: 1_000, random: 0.5 } as const;

describe("a backoff", () => {
  it("is up to 25 ms, doubled with each try, and never more than 250 ms", () => {
    expect([1, 2, 3, 4, 5, 6, 2_000].map((attempt) => backoffMs(attempt, 0.5))).toEqual([
      12.5, 25, 50, 100, 125, 125, 125,
    ]);
  });

  it("can be nothing at all, and never reaches its bound", () => {
    expect(backoffMs(1, 0)).toBe(0);
    expect(backoffMs(1, ALMOST_ONE)).toBeLessThan(25);
    expect(backoffMs(9, ALMOST_ONE)).toBeLessThan(250);
  });

  it("takes base, factor and cap from its options", () => {
    expect(backoffMs(3, 0.5, { baseMs: 10, factor: 3, capMs: 1_000 })).toBe(45);
    expect(backoffMs(3, 0.5, { baseMs: 10, factor: 3, capMs: 80 })).toBe(40);
  });

  it("spreads evenly between nothing and its bound", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: ALMOST_ONE, noNaN: true }),
        (attempt, random) => {
          expect(backoffMs(attempt, random)).toBe(random * Math.min(250, 25 * 2 ** (attempt - 1)));
        },
      ),
    );
  });
});

describe("the next attempt", () => {
  it("waits for the backoff of the try that failed", () => {
    expect(nextAttempt(TRY)).toBe(12.5);
    expect(nextAttempt({ ...TRY, attempt: 2 })).toBe(25);
  });

  it("is not made when the tries are used up", () => {
    expect(nextAttempt({ ...TRY, attempt: 3 })).toBeNull();
    expect(nextAttempt({ ...TRY, attempt: 4 })).toBeNull();
    expect(nextAttempt({ ...TRY, attemptsMax: 1 })).toBeNull();
  });

  it("is made only if the time left covers the pause and 10 ms for the call", () => {
    expect(nextAttempt({ ...TRY, remainingMs: 22.5 })).toBe(12.5);
    expect(nextAttempt({ ...TRY, remainingMs: 22.4 })).toBeNull();
    expect(nextAttempt({ ...TRY, random: 0, remainingMs: 10 })).toBe(0);
    expect(nextAttempt({ ...TRY, random: 0, remainingMs: 9 })).toBeNull();
  });

  it("waits as long as the upstream asked for, be it longer or shorter than the backoff", () => {
    expect(nextAttempt({ ...TRY, retryAfterMs: 400 })).toBe(400);
    expect(nextAttempt({ ...TRY, retryAfterMs: 1 })).toBe(1);
    expect(nextAttempt({ ...TRY, retryAfterMs: 990 })).toBe(990);
    expect(nextAttempt({ ...TRY, retryAfterMs: 991 })).toBeNull();
  });

  it("is not made where the upstream asks for more than 2 s and no deadline bounds the pause", () => {
    const endless = { ...TRY, remainingMs: Number.POSITIVE_INFINITY };
    expect(nextAttempt({ ...endless, retryAfterMs: 2_000 })).toBe(2_000);
    expect(nextAttempt({ ...endless, retryAfterMs: 2_001 })).toBeNull();
    expect(nextAttempt({ ...endless, retryAfterMs: 300_000 })).toBeNull();
    expect(nextAttempt({ ...TRY, remainingMs: 10_000, retryAfterMs: 5_000 })).toBe(5_000);
  });

  it("waits for nothing where the upstream asked for less than that, and is not made where it asked for nonsense", () => {
    expect(nextAttempt({ ...TRY, retryAfterMs: -5 })).toBe(0);
    expect(nextAttempt({ ...TRY, retryAfterMs: Number.NaN })).toBeNull();
    expect(nextAttempt({ ...TRY, retryAfterMs: Number.POSITIVE_INFINITY })).toBeNull();
  });
});
