import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { callContextSchema } from "../../src/contracts/call-context.ts";
import { isPlainContext } from "../../src/contracts/plain-context.ts";

const texts = fc.constantFrom(
  "",
  "r-1",
  "x".repeat(64),
  "x".repeat(65),
  "x".repeat(128),
  "x".repeat(129),
  7,
  null,
  undefined,
);
const numbers = fc.constantFrom(0, -1, 0.5, 1, 970, 300_000, 300_001, NaN, Infinity, 2 ** 53, "1", null);
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof(arbitrary, fc.constant(undefined));
const principals = fc.oneof(
  fc.constantFrom(null, undefined, 7, []),
  fc.record({
    userId: texts,
    sessionId: texts,
    cell: optional(fc.constantFrom("main", "us", "shard", "US", "", 7, null)),
    roles: fc.oneof(
      fc.array(texts, { maxLength: 2 }),
      fc.constantFrom(
        null,
        "user",
        Array.from({ length: 17 }, () => "user"),
      ),
    ),
  }),
);
const contexts = fc.record(
  {
    requestId: texts,
    traceparent: texts,
    remainingMs: numbers,
    principal: principals,
    isHurried: optional(fc.constantFrom(true, false, 1, null)),
    attempt: optional(numbers),
    clientAddress: optional(texts),
    continent: optional(fc.constantFrom("NA", "EU", "XX", "na", "", 7, null)),
    logWeight: optional(numbers),
    later: fc.constant(true),
  },
  { requiredKeys: ["requestId"] },
);

describe("a call's context that is let pass without its schema", () => {
  it("would have passed it, whatever comes", () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 20, arbitrary: contexts }, fc.anything()), (given) => {
        expect(isPlainContext(given) && !callContextSchema.safeParse(given).success).toBe(false);
      }),
      { numRuns: 20_000 },
    );
  });

  it("is every one that workers send", () => {
    const principal = { userId: "u", sessionId: "s", roles: ["user"] };
    const sent = { requestId: "r-1", traceparent: "", remainingMs: 395 };
    expect(isPlainContext({ ...sent, principal })).toBe(true);
    expect(
      isPlainContext({
        ...sent,
        principal: null,
        isHurried: true,
        attempt: 2,
        clientAddress: "::1",
        continent: "NA",
        logWeight: 100,
      }),
    ).toBe(true);
  });
});
