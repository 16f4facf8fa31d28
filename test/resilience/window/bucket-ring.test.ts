import { describe, expect, it } from "vitest";
import { BucketRing } from "../../../src/resilience/window/bucket-ring.ts";

describe("a ring of buckets", () => {
  it("clears a bucket on the first write of each slot, and then no more", () => {
    const cleared: number[] = [];
    const ring = new BucketRing({ windowMs: 30, buckets: 3 }, (index) => cleared.push(index));
    expect([0, 9, 10, 29, 30].map((atMs) => ring.enter(atMs))).toEqual([0, 0, 1, 2, 0]);
    expect(cleared).toEqual([0, 1, 2, 0]);
  });

  it("counts a bucket until it is as old as the window, and the one in progress only if asked to", () => {
    const ring = new BucketRing({ windowMs: 30, buckets: 3 }, () => undefined);
    ring.enter(10);
    expect([1, 2, 3, 4].map((slot) => ring.counts(1, slot, 0))).toEqual([true, true, true, false]);
    expect([1, 2, 3, 4].map((slot) => ring.counts(1, slot, 1))).toEqual([false, true, true, false]);
  });

  it("never counts a bucket from the future, nor one that was never written, nor any after a reset", () => {
    const ring = new BucketRing({ windowMs: 30, buckets: 3 }, () => undefined);
    ring.enterSlot(5);
    expect(ring.counts(2, 4, 0)).toBe(false);
    expect(ring.counts(0, 0, 0)).toBe(false);
    expect(ring.counts(7, 5, 0)).toBe(false);
    ring.reset();
    expect(ring.counts(2, 5, 0)).toBe(false);
    expect(ring.slotOf(2)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("stays in its slot while the clock steps back", () => {
    const ring = new BucketRing({ windowMs: 30, buckets: 3 }, () => undefined);
    expect([25, 5, 30].map((atMs) => ring.slotAt(atMs))).toEqual([2, 2, 3]);
  });

  it("refuses windows and buckets out of range, and buckets that do not divide the window", () => {
    const make = (windowMs: number, buckets: number) => () =>
      new BucketRing({ windowMs, buckets }, () => undefined);
    expect(make(0, 1)).toThrow(new RangeError("windowMs must be an integer in [1, 86400000], got 0"));
    expect(make(86_400_001, 1)).toThrow(
      new RangeError("windowMs must be an integer in [1, 86400000], got 86400001"),
    );
    expect(make(10, 0)).toThrow(new RangeError("buckets must be an integer in [1, 1000], got 0"));
    expect(make(2_002, 1_001)).toThrow(new RangeError("buckets must be an integer in [1, 1000], got 1001"));
    expect(make(1_005, 10)).toThrow(new RangeError("windowMs must be a multiple of buckets (10), got 1005"));
    expect(make(86_400_000, 1_000)).not.toThrow();
    expect(make(1, 1)).not.toThrow();
  });
});
