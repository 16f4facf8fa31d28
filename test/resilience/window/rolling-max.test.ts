import { describe, expect, it } from "vitest";
import { RollingMax } from "../../../src/resilience/window/rolling-max.ts";

describe("a rolling maximum", () => {
  it("is the greatest value until its bucket leaves the window", () => {
    const max = new RollingMax({ windowMs: 300, buckets: 3 });
    expect(max.max(0)).toBe(0);
    max.update(0, 7);
    max.update(50, 3);
    max.update(100, 5);
    expect([max.max(100), max.max(299), max.max(300), max.max(399), max.max(400)]).toEqual([7, 7, 5, 5, 0]);
  });

  it("starts anew in a bucket that is used again", () => {
    const max = new RollingMax({ windowMs: 300, buckets: 3 });
    max.update(0, 7);
    max.update(300, 2);
    expect(max.max(300)).toBe(2);
  });

  it("leaves out the bucket in progress if asked to", () => {
    const max = new RollingMax({ windowMs: 300, buckets: 3 });
    max.update(0, 2);
    max.update(100, 9);
    expect(max.max(100, { excludeCurrent: true })).toBe(2);
    expect(max.max(100, { excludeCurrent: false })).toBe(9);
  });

  it("is 0 after a reset", () => {
    const max = new RollingMax({ windowMs: 300, buckets: 3 });
    max.update(0, 2);
    max.reset();
    expect(max.max(0)).toBe(0);
  });

  it("refuses buckets that do not divide the window", () => {
    expect(() => new RollingMax({ windowMs: 10, buckets: 3 })).toThrow(
      new RangeError("windowMs must be a multiple of buckets (3), got 10"),
    );
  });
});
