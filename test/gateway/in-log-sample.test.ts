import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isInLogSample } from "../../src/gateway/in-log-sample.ts";
import { mulberry32 } from "../../testbed/mulberry32.ts";

const TRACES = 100_000;

const word = (random: () => number): string =>
  Math.floor(random() * 2 ** 32)
    .toString(16)
    .padStart(8, "0");
const traceIdOf = (prefix: string, random: () => number): string =>
  (prefix + word(random) + word(random) + word(random) + word(random)).slice(0, 32);
const of = (traceId: string, spanId = "b".repeat(16), flags = "01"): string =>
  `00-${traceId}-${spanId}-${flags}`;

/** How many of so many traces whose ids begin like this, and end at random, are in the sample. */
function shareOf(oneIn: number, prefix = ""): number {
  const random = mulberry32(1);
  let taken = 0;
  for (let trace = 0; trace < TRACES; trace += 1)
    if (isInLogSample(of(traceIdOf(prefix, random)), oneIn)) taken += 1;
  return taken / TRACES;
}

const traceIds = fc.string({
  unit: fc.constantFrom(...Array.from({ length: 16 }, (_, digit) => digit.toString(16))),
  minLength: 32,
  maxLength: 32,
});
const sizes = fc.integer({ min: 1, max: 1_000_000 });

describe("the sample of traces whose hot requests are logged", () => {
  it.each([1, 2, 3, 10, 100, 1_000])("is one in %i of a hundred thousand traces", (oneIn) => {
    const expected = 1 / oneIn;
    // Five standard deviations: a fair coin misses that once in a million and a half.
    const within = 5 * Math.sqrt((expected * (1 - expected)) / TRACES);
    expect(Math.abs(shareOf(oneIn) - expected)).toBeLessThanOrEqual(within);
  });

  it("has its share of traces too whose ids begin with a time, or with zeros", () => {
    for (const prefix of ["6927a1b2", "0".repeat(16)]) {
      expect(shareOf(100, prefix)).toBeGreaterThan(0.008);
      expect(shareOf(100, prefix)).toBeLessThan(0.012);
    }
  });

  it("goes by the trace id alone: neither the span nor a sampled flag moves it", () => {
    fc.assert(
      fc.property(traceIds, sizes, (traceId, oneIn) => {
        const taken = isInLogSample(of(traceId), oneIn);
        for (const flags of ["00", "01", "02", "03"])
          for (const span of ["0".repeat(15) + "1", "f".repeat(16)])
            expect(isInLogSample(of(traceId, span, flags), oneIn)).toBe(taken);
      }),
    );
  });

  it("of 1 in 1 is all of them, and a smaller sample is a part of each larger one", () => {
    fc.assert(
      fc.property(traceIds, sizes, sizes, (traceId, one, other) => {
        expect(isInLogSample(of(traceId), 1)).toBe(true);
        const isIn = (oneIn: number): boolean => isInLogSample(of(traceId), oneIn);
        expect(isIn(Math.max(one, other)) && !isIn(Math.min(one, other))).toBe(false);
      }),
    );
  });
});
