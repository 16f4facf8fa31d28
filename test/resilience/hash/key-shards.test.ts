import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shardsFor, shareOf } from "../../../src/resilience/hash/key-shards.ts";

describe("the shards of a key", () => {
  it.each([
    ["strict", 300, 1],
    ["strict", 301, 2],
    ["strict", 600, 2],
    ["strict", 4801, 16],
    ["strict", 1_000_000, 16],
    ["lease", 1200, 1],
    ["lease", 1201, 2],
    ["async", 4800, 1],
    ["async", 4801, 2],
  ] as const)("keep each object under 300 calls/s (%s, %i/s: %i)", (mode, limit, shards) => {
    expect(shardsFor({ limit, windowMs: 1000 }, mode)).toBe(shards);
    expect(shardsFor({ limit, windowMs: 100_000 }, mode)).toBeLessThanOrEqual(shards);
  });

  it("are never more than there are units", () => {
    expect(shardsFor({ limit: 3, windowMs: 1 }, "strict")).toBe(3);
    expect(shardsFor({ limit: 1, windowMs: 1 }, "strict")).toBe(1);
  });

  it("have parts that differ by at most one unit and sum up to the limit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 100_000 }), fc.integer({ min: 1, max: 16 }), (limit, shards) => {
        const parts = Array.from({ length: shards }, (_, shard) =>
          shareOf({ limit, windowMs: 700 }, shard, shards),
        );
        expect(parts.reduce((sum, part) => sum + part.limit, 0)).toBe(limit);
        expect(
          parts.every((part) => part.windowMs === 700 && Math.abs(part.limit - limit / shards) < 1),
        ).toBe(true);
      }),
    );
    expect([0, 1, 2].map((shard) => shareOf({ limit: 11, windowMs: 1 }, shard, 3).limit)).toEqual([4, 4, 3]);
  });

  it.each([
    [{ limit: 10, windowMs: 1 }, 0, 0, "shards must be an integer in [1, 10], got 0"],
    [{ limit: 10, windowMs: 1 }, 0, 11, "shards must be an integer in [1, 10], got 11"],
    [{ limit: 100, windowMs: 1 }, 0, 17, "shards must be an integer in [1, 16], got 17"],
    [{ limit: 10, windowMs: 1 }, 3, 3, "shard must be an integer in [0, 2], got 3"],
    [{ limit: 10, windowMs: 1 }, -1, 3, "shard must be an integer in [0, 2], got -1"],
    [{ limit: 0, windowMs: 1 }, 0, 1, "limit must be an integer in [1, 1000000], got 0"],
  ])("are refused for %o, shard %i of %i", (limit, shard, shards, message) => {
    expect(() => shareOf(limit, shard, shards)).toThrow(new RangeError(message));
  });

  it("are refused for a limit that is none", () => {
    expect(() => shardsFor({ limit: 1, windowMs: 0 }, "lease")).toThrow(
      "windowMs must be an integer in [1, 86400000], got 0",
    );
  });
});
