import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecentUnits } from "../../../src/resilience/quota/recent-units.ts";

const SPAN_MS = 800;

describe("recent units", () => {
  it("are handed over once", () => {
    const recent = new RecentUnits(SPAN_MS);
    recent.add(0, 2);
    recent.add(10, 3);
    expect([recent.take(800), recent.take(800)]).toEqual([5, 0]);
  });

  it("are forgotten when they are older than the span", () => {
    const recent = new RecentUnits(SPAN_MS);
    recent.add(0, 2);
    recent.add(700, 1);
    expect(recent.take(801)).toBe(1);
  });

  it("are those of the same ms where there is no span", () => {
    const recent = new RecentUnits(0);
    recent.add(5, 2);
    recent.add(5, 1);
    expect(recent.take(5)).toBe(3);
    recent.add(5, 2);
    expect(recent.take(6)).toBe(0);
  });

  it("are all that came within seven eighths of the span, and none that came before it", () => {
    const steps = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 3 })), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.nat(900), (added, pauseMs) => {
        const recent = new RecentUnits(SPAN_MS);
        const model: { readonly atMs: number; readonly units: number }[] = [];
        let nowMs = 0;
        for (const [gapMs, units] of added) {
          recent.add((nowMs += gapMs), units);
          model.push({ atMs: nowMs, units });
        }
        nowMs += pauseMs;
        const youngerThan = (ageMs: number): number =>
          model.reduce((sum, { atMs, units }) => (nowMs - atMs <= ageMs ? sum + units : sum), 0);
        const taken = recent.take(nowMs);
        expect(taken).toBeLessThanOrEqual(youngerThan(SPAN_MS));
        expect(taken).toBeGreaterThanOrEqual(youngerThan((SPAN_MS * 7) / 8));
      }),
    );
  });
});
