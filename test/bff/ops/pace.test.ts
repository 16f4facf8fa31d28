import { describe, expect, it } from "vitest";
import { Pace } from "../../../src/bff/ops/pace.ts";

/** Steps that take so long each, on a clock that is turned. */
function pacing(tookMs: number, stepsMax = 1_000) {
  const clock = { nowMs: 0, sleptMs: 0 };
  const pace = new Pace({
    now: () => clock.nowMs,
    sleep: async (ms) => {
      clock.nowMs += ms;
      clock.sleptMs += ms;
    },
    stepsMax,
  });
  const step = () => pace.step(async () => void (clock.nowMs += tookMs));
  return { clock, pace, step };
}

describe("a pace", () => {
  it.each([2, 5, 20, 50])("takes a tenth of the time at most, with steps of %i ms", async (tookMs) => {
    const { clock, step } = pacing(tookMs);
    for (let number = 0; number < 20; number += 1) await step();
    expect((clock.nowMs - clock.sleptMs) / clock.nowMs).toBeLessThanOrEqual(0.1);
  });

  it("pauses after steps that the clock doesn't see, and not for ever after one that hung", async () => {
    const quick = pacing(0);
    await quick.step();
    expect(quick.clock.sleptMs).toBe(10);
    const hung = pacing(4_500);
    await hung.step();
    expect(hung.clock.sleptMs).toBe(500);
  });

  it("goes on until its time or its steps are up", async () => {
    const { pace, step } = pacing(10, 3);
    expect(pace.goesOnUntil(0)).toBe(false);
    expect(pace.goesOnUntil(1)).toBe(true);
    await step();
    expect([pace.goesOnUntil(100), pace.goesOnUntil(101)]).toEqual([false, true]);
    await step();
    await step();
    expect(pace.goesOnUntil(60_000)).toBe(false);
  });
});
