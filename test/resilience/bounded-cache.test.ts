import { describe, expect, it } from "vitest";
import { BoundedCache } from "../../src/resilience/bounded-cache.ts";
import { VirtualTime } from "../../testbed/virtual-time.ts";

describe("a bounded cache", () => {
  it("forgets an entry when its time is up", () => {
    const clock = new VirtualTime(0);
    const cache = new BoundedCache<string>({ entriesMax: 2, now: clock.now });
    cache.set("a", "A", 100);
    clock.turn(99);
    expect(cache.get("a")).toBe("A");
    clock.turn(1);
    expect(cache.get("a")).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it("pushes out the oldest entry when it is full, and counts a renewed one as young", () => {
    const cache = new BoundedCache<number>({ entriesMax: 2, now: () => 0 });
    cache.set("a", 1, 1);
    cache.set("b", 2, 1);
    cache.set("a", 3, 1);
    cache.set("c", 4, 1);
    expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual([3, undefined, 4]);
  });

  it("makes no room it does not need: renewing an entry in a full cache pushes nobody out", () => {
    const cache = new BoundedCache<number>({ entriesMax: 2, now: () => 0 });
    cache.set("a", 1, 1);
    cache.set("b", 2, 1);
    cache.set("b", 3, 1);
    expect([cache.get("a"), cache.get("b"), cache.size]).toEqual([1, 3, 2]);
  });

  it("forgets what it is told to forget, and nothing else", () => {
    const cache = new BoundedCache<number>({ entriesMax: 2, now: () => 0 });
    cache.set("a", 1, 1);
    cache.set("b", 2, 1);
    cache.delete("a");
    cache.delete("never set");
    expect([cache.get("a"), cache.get("b"), cache.size]).toEqual([undefined, 2, 1]);
  });

  it("can be as small as one entry", () => {
    const cache = new BoundedCache<number>({ entriesMax: 1, now: () => 0 });
    cache.set("a", 1, 1);
    cache.set("b", 2, 1);
    expect([cache.get("a"), cache.get("b")]).toEqual([undefined, 2]);
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses a limit of %s", (entriesMax) => {
    const refused = new RangeError(`entriesMax must be an integer in [1, ∞), got ${entriesMax}`);
    expect(() => new BoundedCache({ entriesMax, now: () => 0 })).toThrow(refused);
  });
});
