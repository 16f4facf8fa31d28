import { describe, expect, it } from "vitest";
import { CpuPressure } from "../../src/resilience/cpu-pressure.ts";

describe("the pressure of a CPU", () => {
  it.each([
    [0, false, 0],
    [0.4, false, 0.5],
    [0.79, false, 0.9875],
    [0.8, true, 1],
    [1, true, 1.25],
  ])("at %d is high: %s, and %d of the trigger", (usage, isHigh, excess) => {
    const pressure = new CpuPressure(() => usage);
    expect(pressure.isHigh()).toBe(isHigh);
    expect(pressure.excess()).toBeCloseTo(excess, 12);
  });

  it("is what the CPU tells at each moment, whatever the work tells", () => {
    let usage = 0.9;
    const pressure = new CpuPressure(() => usage);
    expect(pressure.isHigh()).toBe(true);
    usage = 0.1;
    pressure.onStart();
    pressure.onDone();
    pressure.onOverloaded();
    expect(pressure.isHigh()).toBe(false);
    expect(pressure.excess()).toBeCloseTo(0.125, 12);
  });
});
