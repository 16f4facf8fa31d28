import { describe, expect, it } from "vitest";
import { requireRateLimit } from "../../../src/resilience/quota/rate-limit.ts";
import { requireIntegerIn } from "../../../src/resilience/require-number-in.ts";

describe("a rate limit", () => {
  it.each([
    { limit: 1, windowMs: 1 },
    { limit: 1_000_000, windowMs: 86_400_000 },
  ])("may be %o", (limit) => {
    expect(() => requireRateLimit(limit)).not.toThrow();
  });

  it.each([
    [{ limit: 0, windowMs: 1 }, "limit must be an integer in [1, 1000000], got 0"],
    [{ limit: 1_000_001, windowMs: 1 }, "limit must be an integer in [1, 1000000], got 1000001"],
    [{ limit: 1.5, windowMs: 1 }, "limit must be an integer in [1, 1000000], got 1.5"],
    [{ limit: Number.NaN, windowMs: 1 }, "limit must be an integer in [1, 1000000], got NaN"],
    [{ limit: 1, windowMs: 0 }, "windowMs must be an integer in [1, 86400000], got 0"],
    [{ limit: 1, windowMs: 86_400_001 }, "windowMs must be an integer in [1, 86400000], got 86400001"],
  ])("is refused as %o", (limit, message) => {
    expect(() => requireRateLimit(limit)).toThrow(new RangeError(message));
  });

  it("has options whose interval is told", () => {
    expect(() => requireIntegerIn("x", 2, 2, 3)).not.toThrow();
    expect(() => requireIntegerIn("x", 3, 2, 3)).not.toThrow();
    expect(() => requireIntegerIn("x", 4, 2, 3)).toThrow(
      new RangeError("x must be an integer in [2, 3], got 4"),
    );
  });
});
