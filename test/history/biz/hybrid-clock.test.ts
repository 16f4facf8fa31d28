import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HybridClock } from "../../../src/history/biz/hybrid-clock.ts";

describe("the hybrid clock", () => {
  it("never repeats and never goes back, however the wall clock jumps and restarts interrupt", () => {
    const steps = fc.array(
      fc.record({ wallMs: fc.integer({ min: 0, max: 2_000_000_000_000 }), restart: fc.boolean() }),
      {
        maxLength: 100,
      },
    );
    fc.assert(
      fc.property(steps, (walk) => {
        let clock = new HybridClock();
        let last = 0;
        for (const { wallMs, restart } of walk) {
          if (restart) clock = new HybridClock(last);
          const value = clock.tick(wallMs);
          expect(value).toBeGreaterThan(last);
          expect(Number.isSafeInteger(value)).toBe(true);
          last = value;
        }
      }),
    );
  });

  it("tells the wall-clock time it was asked at", () => {
    expect(HybridClock.wallMsOf(new HybridClock().tick(1_700_000_000_123))).toBe(1_700_000_000_123);
  });

  it("runs ahead rather than repeat when one millisecond asks for more than 1,024 values", () => {
    const clock = new HybridClock();
    const values = Array.from({ length: 3_000 }, () => clock.tick(5));
    expect(new Set(values).size).toBe(3_000);
  });

  it("says how far it is ahead of the wall, and goes on from there rather than back", () => {
    const clock = new HybridClock();
    const month = 30 * 86_400_000;
    const ahead = clock.tick(1_700_000_000_000 + month);
    expect(clock.driftMs(1_700_000_000_000)).toBe(month);
    expect(clock.tick(1_700_000_000_000)).toBe(ahead + 1);
    expect(clock.driftMs(1_700_000_000_000 + month + 5)).toBe(0);
  });
});
