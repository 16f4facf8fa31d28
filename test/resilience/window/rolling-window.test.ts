import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RollingWindow } from "../../../src/resilience/window/rolling-window.ts";

type Event = "success" | "failure";
const events: readonly Event[] = ["success", "failure"];
const T0 = 1_000_000;
const HOUR_MS = 3_600_000;

const tenSeconds = (): RollingWindow<Event> => new RollingWindow({ windowMs: 10_000, buckets: 10, events });

describe("a rolling window", () => {
  it("counts an event until its bucket leaves the window", () => {
    const window = tenSeconds();
    window.add(T0 + 999, "failure");
    expect(window.sum(T0 + 9_999, "failure")).toBe(1);
    expect(window.sum(T0 + 10_000, "failure")).toBe(0);
  });

  it("does not count old failures after an hour's idle, whatever bucket the hour ends in", () => {
    for (let extraMs = 0; extraMs < 10_000; extraMs += 1_000) {
      const window = tenSeconds();
      for (let atMs = T0; atMs < T0 + 10_000; atMs += 100) window.add(atMs, "failure");
      expect(window.sum(T0 + 9_999, "failure")).toBe(100);
      const laterMs = T0 + HOUR_MS + extraMs;
      expect(window.sum(laterMs, "failure")).toBe(0);
      window.add(laterMs, "failure");
      expect(window.sum(laterMs, "failure")).toBe(1);
    }
  });

  it("counts what is told late in the bucket in which it happened, and nothing that has left the window", () => {
    const window = tenSeconds();
    window.add(T0, "failure");
    window.addLate(T0 + 5_500, "failure", 3, 5_500);
    window.addLate(T0 + 5_500, "failure", 2, 3_000);
    window.addLate(T0 + 5_500, "failure", 7, 10_000);
    expect(window.sum(T0 + 5_500, "failure")).toBe(6);
    expect(window.sum(T0 + 9_999, "failure")).toBe(6);
    expect(window.sum(T0 + 10_000, "failure")).toBe(2);
    expect(window.sum(T0 + 12_000, "failure")).toBe(0);
  });

  it("finds room for what is told late, where a bucket still holds what is older than the window", () => {
    const window = tenSeconds();
    window.add(T0 + 3_000, "failure", 5);
    window.addLate(T0 + 15_000, "failure", 1, 2_000);
    expect(window.sum(T0 + 15_000, "failure")).toBe(1);
  });

  it("keeps events apart, and clears all of them when a bucket is used again", () => {
    const window = tenSeconds();
    window.add(T0, "success", 3);
    window.add(T0, "failure");
    expect([window.sum(T0, "success"), window.sum(T0, "failure")]).toEqual([3, 1]);
    window.add(T0 + 10_000, "success");
    expect([window.sum(T0 + 10_000, "success"), window.sum(T0 + 10_000, "failure")]).toEqual([1, 0]);
  });

  it("visits the complete buckets that were written, and tells their counts", () => {
    const window = new RollingWindow({ windowMs: 400, buckets: 4, events });
    window.add(0, "success", 9);
    window.add(100, "success", 2);
    window.add(100, "failure", 7);
    window.add(300, "success", 1);
    window.add(400, "success", 4);
    const seen: unknown[] = [];
    window.forEachComplete(400, (countOf) => seen.push([countOf("success"), countOf("failure")]));
    expect(seen).toEqual([
      [2, 7],
      [1, 0],
    ]);
  });

  it("takes back what was counted too much", () => {
    const window = tenSeconds();
    window.add(T0, "success", 2);
    window.add(T0, "success", -1);
    expect(window.sum(T0, "success")).toBe(1);
  });

  it("forgets what it has counted on reset", () => {
    const window = tenSeconds();
    window.add(T0, "success", 2);
    window.add(T0 + HOUR_MS, "success");
    window.reset();
    expect(window.sum(T0 + HOUR_MS, "success")).toBe(0);
    window.add(T0 + HOUR_MS, "success");
    expect(window.sum(T0 + HOUR_MS, "success")).toBe(1);
  });

  it("keeps counting when the clock steps back", () => {
    const window = tenSeconds();
    window.add(T0, "success");
    window.add(T0 - 5_000, "success");
    expect(window.sum(T0 - HOUR_MS, "success")).toBe(2);
    window.add(T0 - HOUR_MS + 1_000, "success");
    expect(window.sum(T0 - HOUR_MS + 1_000, "success")).toBe(3);
  });

  it("equals a list of events with their slots, at every time", () => {
    const step = fc.record({
      waitMs: fc.nat(700),
      event: fc.constantFrom(...events),
      count: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = new RollingWindow({ windowMs: 1_000, buckets: 5, events });
        const list: { slot: number; event: Event; count: number }[] = [];
        let atMs = T0;
        for (const { waitMs, event, count } of steps) {
          atMs += waitMs;
          window.add(atMs, event, count);
          list.push({ slot: Math.floor(atMs / 200), event, count });
          const live = list.filter(({ slot }) => Math.floor(atMs / 200) - slot < 5);
          for (const name of events) {
            const expected = live
              .filter((entry) => entry.event === name)
              .reduce((sum, entry) => sum + entry.count, 0);
            expect(window.sum(atMs, name)).toBe(expected);
          }
        }
      }),
    );
  });
});

describe("the list of events", () => {
  it("has 1 to 32 names", () => {
    const make = (count: number) => () =>
      new RollingWindow({ windowMs: 10, buckets: 1, events: Array.from({ length: count }, String) });
    expect(make(0)).toThrow(new RangeError("events.length must be an integer in [1, 32], got 0"));
    expect(make(33)).toThrow(new RangeError("events.length must be an integer in [1, 32], got 33"));
    expect(make(32)).not.toThrow();
  });
});
