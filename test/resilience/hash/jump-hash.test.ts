import { describe, expect, it } from "vitest";
import { jumpHash, jumpKey } from "../../../src/resilience/hash/jump-hash.ts";

describe("jump hash", () => {
  it.each([
    [1n, 1, 0],
    [42n, 57, 43],
    [0xdead10ccn, 1, 0],
    [0xdead10ccn, 666, 361],
    [256n, 1024, 520],
    [0n, 1, 0],
  ])("agrees with the reference for key %s in %i buckets", (key, buckets, expected) => {
    expect(jumpHash(key, buckets)).toBe(expected);
  });

  it("moves one key in n + 1 when a bucket is added, and only to the new bucket", () => {
    const keys = Array.from({ length: 20_000 }, (_, index) => jumpKey(`user-${index}`));
    let moved = 0;
    for (const key of keys) {
      const before = jumpHash(key, 16);
      const after = jumpHash(key, 17);
      if (before === after) continue;
      moved += 1;
      expect(after).toBe(16);
    }
    expect(moved / keys.length).toBeCloseTo(1 / 17, 2);
  });

  it("spreads keys evenly", () => {
    const counts = Array.from({ length: 16 }, () => 0);
    for (let index = 0; index < 160_000; index += 1) {
      const bucket = jumpHash(jumpKey(`user-${index}`), 16);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it("puts users where their data already is", () => {
    expect([0, 1, 2, 3].map((user) => jumpHash(jumpKey(`018f0000-0000-7000-8000-00000000000${user}`), 16)))
      .toMatchInlineSnapshot(`
      [
        4,
        2,
        2,
        2,
      ]
    `);
  });

  it("takes as many as 2^20 buckets", () => {
    const bucket = jumpHash(jumpKey("user-1"), 2 ** 20);
    expect(bucket).toBeGreaterThanOrEqual(0);
    expect(bucket).toBeLessThan(2 ** 20);
  });

  it.each([0, -1, 1.5, 2 ** 20 + 1])("refuses %s buckets", (buckets) => {
    expect(() => jumpHash(1n, buckets)).toThrow(
      new RangeError(`buckets must be an integer in [1, 1048576], got ${buckets}`),
    );
  });
});
