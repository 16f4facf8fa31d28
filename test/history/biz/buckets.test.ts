import { describe, expect, it } from "vitest";
import { bucketOf, BUCKETS, parseBucketRanges } from "../../../src/history/biz/buckets.ts";

describe("the map of buckets", () => {
  it("gives every bucket exactly one database", () => {
    const map = parseBucketRanges("0-511=0, 512-1023=1", 2);
    expect(map).toHaveLength(BUCKETS);
    expect([map[0], map[511], map[512], map[1023]]).toEqual([0, 0, 1, 1]);
  });

  it.each([
    ["0-511=0", /bucket 512 is in no range/],
    ["0-1023=0,5-5=0", /bucket 5 is in two ranges/],
    ["0-1024=0", /must lie in 0-1023/],
    ["9-3=0", /must lie in 0-1023, in order/],
    ["0-1023=2", /database 2 must be below 2/],
    ["all", /not of the form/],
  ])("refuses %s", (text, message) => {
    expect(() => parseBucketRanges(text, 2)).toThrow(message);
  });

  it("spreads users evenly and never moves one", () => {
    const counts = new Map<number, number>();
    for (let user = 0; user < 100_000; user += 1) {
      const half = bucketOf(`018f0000-0000-7000-8000-${String(user).padStart(12, "0")}`) < 512 ? 0 : 1;
      counts.set(half, (counts.get(half) ?? 0) + 1);
    }
    expect(Math.abs((counts.get(0) ?? 0) - 50_000)).toBeLessThan(1_000);
    // Users' data lives where this says, so it may never change.
    expect([1, 2, 3].map((user) => bucketOf(`018f0000-0000-7000-8000-00000000000${user}`))).toEqual([
      51, 103, 972,
    ]);
  });
});
