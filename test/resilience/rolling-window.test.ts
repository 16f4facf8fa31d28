import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RollingWindow, type RollingWindowState } from "../../src/resilience/rolling-window.ts";

type Event = "success" | "failure";
const events: readonly Event[] = ["success", "failure"];
const T0 = 1_000_000;
const HOUR_MS = 3_600_000;

const tenSeconds = (state?: RollingWindowState<Event>): RollingWindow<Event> =>
  new RollingWindow({ windowMs: 10_000, buckets: 10, events }, state);

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
      expect(window.values(laterMs, "failure")).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
  });

  it("keeps events apart, and clears all of them when a bucket is used again", () => {
    const window = tenSeconds();
    window.add(T0, "success", 3);
    window.add(T0, "failure");
    expect([window.sum(T0, "success"), window.sum(T0, "failure")]).toEqual([3, 1]);
    window.add(T0 + 10_000, "success");
    expect([window.sum(T0 + 10_000, "success"), window.sum(T0 + 10_000, "failure")]).toEqual([1, 0]);
  });

  it("leaves out the bucket in progress if asked to", () => {
    const window = tenSeconds();
    window.add(T0, "success", 2);
    window.add(T0 + 1_000, "success", 5);
    expect(window.sum(T0 + 1_000, "success", { excludeCurrent: true })).toBe(2);
    expect(window.sum(T0 + 1_000, "success", { excludeCurrent: false })).toBe(7);
    expect(window.sum(T0 + 2_000, "success", { excludeCurrent: true })).toBe(7);
  });

  it("lists one number for each bucket, oldest first, with 0 for the empty ones", () => {
    const window = new RollingWindow({ windowMs: 400, buckets: 4, events });
    window.add(100, "success");
    window.add(399, "success", 3);
    expect(window.values(399, "success")).toEqual([0, 1, 0, 3]);
    expect(window.values(400, "success")).toEqual([1, 0, 3, 0]);
    expect(window.values(699, "success")).toEqual([3, 0, 0, 0]);
    expect(window.values(700, "success")).toEqual([0, 0, 0, 0]);
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

  it("forgets the window on reset, but not the cumulative counts", () => {
    const window = tenSeconds();
    window.add(T0, "success", 2);
    window.add(T0 + HOUR_MS, "success");
    window.reset();
    expect(window.sum(T0 + HOUR_MS, "success")).toBe(0);
    expect(window.cumulative("success")).toBe(3);
    expect(window.cumulative("failure")).toBe(0);
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
            expect(window.values(atMs, name).reduce((sum, value) => sum + value, 0)).toBe(expected);
          }
        }
      }),
    );
  });
});

describe("a restored window", () => {
  it("goes on as if nothing had happened, through JSON", () => {
    const window = tenSeconds();
    window.add(T0, "success", 4);
    window.add(T0 + 1_000, "failure");
    const state = JSON.parse(JSON.stringify(window.snapshot())) as RollingWindowState<Event>;
    const restored = tenSeconds(state);
    expect(restored.values(T0 + 5_000, "success")).toEqual(window.values(T0 + 5_000, "success"));
    restored.add(T0 + 1_000, "failure");
    expect(restored.sum(T0 + 5_000, "failure")).toBe(2);
    expect([restored.cumulative("success"), restored.cumulative("failure")]).toEqual([4, 2]);
    expect(restored.sum(T0 + HOUR_MS, "failure")).toBe(0);
    expect(window.sum(T0 + 5_000, "failure")).toBe(1);
  });

  it("is plain data: buckets that were written, and the cumulative counts", () => {
    const window = new RollingWindow({ windowMs: 20, buckets: 2, events });
    window.add(0, "failure");
    expect(window.snapshot()).toEqual({
      windowMs: 20,
      buckets: 2,
      written: [{ slot: 0, counts: { success: 0, failure: 1 } }],
      cumulative: { success: 0, failure: 1 },
    });
  });

  it("does not count buckets from the future, which a clock set back leaves behind", () => {
    const window = tenSeconds();
    window.add(T0 + HOUR_MS, "failure", 50);
    const restored = tenSeconds(window.snapshot());
    expect(restored.sum(T0, "failure")).toBe(0);
    expect(restored.values(T0, "failure")).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("takes over only the cumulative counts of a window with another length or other buckets, and 0 for a new event", () => {
    const window = tenSeconds();
    window.add(T0, "success", 4);
    for (const shape of [
      { windowMs: 20_000, buckets: 10 },
      { windowMs: 10_000, buckets: 5 },
    ]) {
      const other = new RollingWindow({ ...shape, events }, window.snapshot());
      expect([other.sum(T0, "success"), other.cumulative("success")]).toEqual([0, 4]);
    }
    // At the epoch all slots are 0, whatever their length.
    const atEpoch = tenSeconds();
    atEpoch.add(0, "success", 4);
    expect(
      new RollingWindow({ windowMs: 10_000, buckets: 5, events }, atEpoch.snapshot()).sum(0, "success"),
    ).toBe(0);
    expect(
      new RollingWindow({ windowMs: 20_000, buckets: 10, events }, atEpoch.snapshot()).sum(0, "success"),
    ).toBe(0);
    const { success } = window.snapshot().written[0]?.counts ?? { success: 0 };
    const old = {
      ...window.snapshot(),
      written: [{ slot: 1_000, counts: { success } }],
      cumulative: { success },
    };
    const grown = tenSeconds(old as unknown as RollingWindowState<Event>);
    expect([grown.sum(T0, "success"), grown.sum(T0, "failure"), grown.cumulative("failure")]).toEqual([
      4, 0, 0,
    ]);
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
