import { describe, expect, it } from "vitest";
import { type ReportPace, ReportTurns } from "../../../src/resilience/breaker/report-turns.ts";

const T0 = 1_000_000;
const FEW: ReportPace = { reportAfterMs: 1_000, quietAfterMs: 5_000 };
const MANY: ReportPace = { reportAfterMs: 40_000, quietAfterMs: 80_000 };

/** Draws the same number again and again. */
const drawing = (luck: number): ReportTurns => new ReportTurns({ everyMs: 1_000, random: () => luck });

/** Has reported at T0, and heard this. */
function told(pace: ReportPace | null, luck = 0.5, wasUrgent = false): ReportTurns {
  const turns = drawing(luck);
  if (wasUrgent) turns.urge(T0);
  turns.sent(T0);
  turns.told(T0, pace);
  return turns;
}

/** When the next report is due, in ms from T0: asked every 100 ms. */
function dueAfterMs(turns: ReportTurns, fromMs = 0): number {
  for (let afterMs = fromMs; afterMs <= 200_000; afterMs += 100)
    if (turns.isDue(T0 + afterMs)) return afterMs;
  return Number.POSITIVE_INFINITY;
}

describe("an isolate that has been told nothing", () => {
  it("reports within fifty seconds, and within six where calls fail, at random", () => {
    for (const luck of [0, 0.25, 0.999]) {
      expect(dueAfterMs(drawing(luck))).toBe(Math.ceil(luck * 500) * 100);
      const failing = drawing(luck);
      failing.urge(T0);
      expect(dueAfterMs(failing)).toBe(Math.ceil(luck * 60) * 100);
    }
  });

  it("reports at once where its engine has tripped", () => {
    const turns = drawing(0.9);
    turns.urge(T0);
    turns.hurry(T0 + 200, false);
    expect(dueAfterMs(turns)).toBe(200);
  });

  it("asks again a second after its report was lost", () => {
    const turns = drawing(0.9);
    turns.sent(T0);
    turns.lost(T0 + 500);
    expect(dueAfterMs(turns)).toBe(1_500);
  });
});

describe("an isolate that has been answered by a shared state of the release before", () => {
  it("reports every second, be it well or not, and at once in a hurry", () => {
    expect(dueAfterMs(told(null))).toBe(1_000);
    const failing = told(null);
    failing.urge(T0 + 100);
    expect(dueAfterMs(failing)).toBe(1_000);
    const late = told(null, 0.9);
    late.urge(T0 + 7_000);
    expect(late.isDue(T0 + 7_000)).toBe(true);
    const hurried = told(null);
    hurried.hurry(T0 + 300, false);
    expect(dueAfterMs(hurried)).toBe(300);
    expect([hurried.keptMs, hurried.turnMsMax, hurried.quietWeight]).toEqual([null, 0, 1]);
  });
});

describe("an isolate that has been told that few report", () => {
  it("is quiet for the time it was told, or a quarter less at random, and tells failures at once", () => {
    expect(dueAfterMs(told(FEW, 0))).toBe(5_000);
    expect(dueAfterMs(told(FEW, 0.999))).toBe(3_800);
    const failing = told(FEW, 0.9);
    failing.urge(T0 + 3_000);
    expect(failing.isDue(T0 + 3_000)).toBe(true);
    const busy = told(FEW);
    busy.urge(T0 + 10);
    expect(dueAfterMs(busy)).toBe(1_000);
    busy.hurry(T0 + 10, false);
    expect(dueAfterMs(busy)).toBe(100);
  });
});

describe("an isolate that has been told that many report", () => {
  it("is quiet for the time it was told, or a quarter less at random", () => {
    expect(dueAfterMs(told(MANY, 0))).toBe(80_000);
    expect(dueAfterMs(told(MANY, 0.999))).toBe(60_100);
  });

  it("tells its first failure within a turn at random, whenever it has told that all was well", () => {
    for (const luck of [0, 0.5, 0.999])
      for (const failsAfterMs of [100, 30_000, 55_000]) {
        const turns = told(MANY, luck);
        turns.urge(T0 + failsAfterMs);
        expect(dueAfterMs(turns, failsAfterMs)).toBe(failsAfterMs + Math.ceil(luck * 400) * 100);
      }
  });

  it("tells what goes on failing a turn later, or up to a quarter more at random", () => {
    for (const [luck, afterMs] of [
      [0, 40_000],
      [0.5, 45_000],
      [0.999, 50_000],
    ] as const) {
      const turns = told(MANY, luck, true);
      turns.urge(T0 + 100);
      expect(dueAfterMs(turns)).toBe(afterMs);
      expect(turns.turnMsMax).toBe(50_000);
    }
  });

  it("does not hurry, but for what all others wait for", () => {
    const turns = told(MANY, 0.5, true);
    turns.urge(T0);
    turns.hurry(T0 + 100, false);
    expect(turns.isDue(T0 + 200)).toBe(false);
    turns.hurry(T0 + 100, true);
    expect(turns.isDue(T0 + 200)).toBe(true);
    turns.sent(T0 + 200);
    turns.urge(T0 + 300);
    expect(turns.isDue(T0 + 400)).toBe(false);
  });

  it("keeps to its turn where a report was lost: the shared state may be overrun", () => {
    const turns = told(MANY, 0.5);
    turns.lost(T0 + 1_000);
    expect(dueAfterMs(turns)).toBe(46_000);
  });

  it("says what it keeps to, and that a quiet report stands for several", () => {
    const turns = told(MANY);
    expect(turns.keptMs).toBe(40_000);
    expect(turns.quietWeight).toBeCloseTo(2);
    turns.urge(T0);
    expect(turns.quietWeight).toBe(1);
  });

  it("believes no more than a minute and a half, and no less than a second", () => {
    expect(told({ reportAfterMs: 1e9, quietAfterMs: 1e9 }).keptMs).toBe(90_000);
    const hasty = told({ reportAfterMs: 0, quietAfterMs: -5 });
    hasty.urge(T0);
    expect(dueAfterMs(hasty)).toBe(1_000);
    expect(told({ reportAfterMs: Number.NaN, quietAfterMs: Number.NaN }).keptMs).toBeNull();
  });

  it("reports as few again as soon as it is told so", () => {
    const turns = told(MANY, 0.5, true);
    turns.sent(T0 + 40_000);
    turns.told(T0 + 40_000, FEW);
    turns.urge(T0 + 40_100);
    expect(dueAfterMs(turns, 40_100)).toBe(41_000);
  });
});

describe("thousands that fail at the same moment", () => {
  it.each(["had just told that all was well", "had told so at any time before", "all told so together"])(
    "tell it evenly over a turn, and go on so: they %s",
    (when) => {
      const isolates = 4_000;
      const seconds = new Float64Array(140);
      let seed = 1;
      const random = (): number => ((seed = (seed * 48_271) % 2_147_483_647) - 1) / 2_147_483_646;
      for (let isolate = 0; isolate < isolates; isolate += 1) {
        const turns = new ReportTurns({ everyMs: 1_000, random });
        const agoMs = when.startsWith("had just") ? 10 : when.startsWith("all") ? 20_000 : random() * 60_000;
        turns.sent(T0 - agoMs);
        turns.told(T0 - agoMs, MANY);
        for (let atMs = T0; atMs < T0 + 120_000; atMs += 100) {
          turns.urge(atMs);
          if (!turns.isDue(atMs)) continue;
          seconds[Math.floor((atMs - T0) / 1_000)] = (seconds[Math.floor((atMs - T0) / 1_000)] ?? 0) + 1;
          turns.sent(atMs);
          turns.told(atMs, MANY);
        }
      }
      // A hundred a second, and four standard deviations.
      expect(Math.max(...seconds)).toBeLessThanOrEqual(140);
      expect(seconds.reduce((sum, reports) => sum + reports, 0)).toBeGreaterThan(100 * 100);
    },
  );
});
