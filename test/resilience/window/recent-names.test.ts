import { describe, expect, it } from "vitest";
import { RecentNames } from "../../../src/resilience/window/recent-names.ts";

const T0 = 1_700_000_000_000;
const MEMORY_MS = 60_000;

function seeing(names: number, cells?: number): RecentNames {
  const recent = new RecentNames({ memoryMs: MEMORY_MS, ...(cells === undefined ? {} : { cells }) });
  for (let name = 0; name < names; name += 1) recent.see(T0, `isolate-${name}`);
  return recent;
}

describe("the names seen lately", () => {
  it("are counted each once, however often they are seen", () => {
    const recent = seeing(0);
    expect(recent.count(T0)).toBe(0);
    for (let time = 0; time < 100; time += 1) {
      recent.see(T0 + time, "a");
      recent.see(T0 + time, "b");
    }
    expect(recent.count(T0 + 100)).toBe(2);
  });

  it.each([10, 100, 1_000, 5_000, 10_000])("are %i within a tenth", (names) => {
    const counted = seeing(names).count(T0);
    expect(counted).toBeGreaterThanOrEqual(names * 0.9);
    expect(counted).toBeLessThanOrEqual(names * 1.1);
  });

  it("count as soon as they are seen, and until their memory is over", () => {
    const recent = seeing(100);
    expect(recent.count(T0)).toBeGreaterThan(90);
    recent.see(T0 + 100, "late");
    expect(recent.count(T0 + 100)).toBeGreaterThan(91);
    expect(recent.count(T0 + MEMORY_MS)).toBeGreaterThan(91);
    expect(recent.count(T0 + MEMORY_MS + 1_001)).toBe(0);
    recent.see(T0 + MEMORY_MS + 1_002, "isolate-1");
    expect(recent.count(T0 + MEMORY_MS + 1_002)).toBe(1);
  });

  it("are no more than the cells can tell, however many they are", () => {
    expect(seeing(10_000, 64).count(T0)).toBe(Math.round(64 * Math.log(64)));
  });

  it("are forgotten in time, though one reading of the clock was a month ahead", () => {
    const recent = seeing(0);
    recent.see(T0, "a");
    recent.see(T0 + 30 * 86_400_000, "b");
    recent.see(T0 + 10, "c");
    expect(recent.count(T0 + 20)).toBe(2);
    expect(recent.count(T0 + MEMORY_MS + 2_000)).toBe(0);
  });

  it("refuse options out of range", () => {
    const make = (options: { memoryMs: number; cells?: number }) => () => new RecentNames(options);
    expect(make({ memoryMs: 0 })).toThrow(
      new RangeError("memoryMs must be an integer in [1, 3600000], got 0"),
    );
    expect(make({ memoryMs: 1, cells: 63 })).toThrow(
      new RangeError("cells must be an integer in [64, 65536], got 63"),
    );
    expect(make({ memoryMs: 3_600_000, cells: 65_536 })).not.toThrow();
  });
});
