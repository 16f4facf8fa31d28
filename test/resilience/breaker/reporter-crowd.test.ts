import { describe, expect, it } from "vitest";
import { ReporterCrowd } from "../../../src/resilience/breaker/reporter-crowd.ts";
import type { ReportPace } from "../../../src/resilience/breaker/report-turns.ts";

const T0 = 1_700_000_000_000;

/** Each of so many reports once, evenly over `withinMs`; what the last one was told. */
function hearing(
  crowd: ReporterCrowd,
  reporters: number,
  { fromMs = T0, withinMs = 50_000, keptMs }: { fromMs?: number; withinMs?: number; keptMs?: number } = {},
): ReportPace {
  let pace: ReportPace = { reportAfterMs: 0, quietAfterMs: 0 };
  for (let index = 0; index < reporters; index += 1) {
    const report = { reporter: `isolate-${index}`, ...(keptMs === undefined ? {} : { keptMs }) };
    pace = crowd.hear(fromMs + (index * withinMs) / reporters, report);
  }
  return pace;
}

describe("those who report to a shared breaker", () => {
  it.each([1, 10, 70])(
    "may report every second if something fails, while they are no more than %i",
    (few) => {
      const { reportAfterMs, quietAfterMs } = hearing(new ReporterCrowd(), few);
      expect(reportAfterMs).toBeLessThanOrEqual(1_500);
      expect(quietAfterMs).toBe(5_000);
    },
  );

  it.each([100, 200, 1_000, 5_000, 7_000])("come to less than 150 reports a second, be they %i", (many) => {
    const crowd = new ReporterCrowd();
    hearing(crowd, many);
    const { reportAfterMs, quietAfterMs } = hearing(crowd, many, {
      fromMs: T0 + 70_000,
      withinMs: 40_000,
      keptMs: 30_000,
    });
    expect((many * 1_000) / reportAfterMs).toBeLessThan(150);
    expect((many * 1_000) / quietAfterMs).toBeLessThan(85);
    expect(reportAfterMs).toBeGreaterThanOrEqual(1_500);
  });

  it("are never told more than a minute, or a minute and a half if all is well", () => {
    const pace = hearing(new ReporterCrowd(), 30_000);
    expect(pace).toEqual({ reportAfterMs: 60_000, quietAfterMs: 90_000 });
  });

  it("leave room for those who have not been told: newcomers, and isolates of the release before", () => {
    const [told, mixed] = [new ReporterCrowd(), new ReporterCrowd()];
    for (const crowd of [told, mixed]) hearing(crowd, 1_000, { keptMs: 8_000 });
    hearing(mixed, 1_000, { fromMs: T0 + 50_000, withinMs: 20_000 });
    const fromMs = T0 + 70_000;
    const pace = hearing(told, 10, { fromMs, withinMs: 1, keptMs: 8_000 });
    expect(hearing(mixed, 10, { fromMs, withinMs: 1, keptMs: 8_000 }).reportAfterMs).toBeGreaterThan(
      pace.reportAfterMs,
    );
  });

  it("are forgotten when they are gone for two minutes", () => {
    const crowd = new ReporterCrowd();
    hearing(crowd, 1_000);
    expect(hearing(crowd, 1, { fromMs: T0 + 170_000 })).toEqual({
      reportAfterMs: 1_000,
      quietAfterMs: 5_000,
    });
  });

  it("are believed after a restart to be nearly as many as they were told, until all have been heard", () => {
    const crowd = new ReporterCrowd();
    const first = crowd.hear(T0, { reporter: "one of many", keptMs: 38_000 });
    expect(first.reportAfterMs).toBeGreaterThan(30_000);
    expect(crowd.hear(T0 + 100_000, { reporter: "another" }).reportAfterMs).toBeGreaterThan(30_000);
    expect(crowd.hear(T0 + 110_000, { reporter: "a third" }).reportAfterMs).toBe(1_000);
  });

  it("are not believed to be as many as it has told them itself, nor more than a pace can be for", () => {
    const crowd = new ReporterCrowd();
    crowd.hear(T0, { reporter: "a" });
    expect(crowd.hear(T0 + 5_000, { reporter: "b", keptMs: 38_000 }).reportAfterMs).toBe(1_000);
    const lied = new ReporterCrowd().hear(T0, { reporter: "a", keptMs: Number.MAX_SAFE_INTEGER });
    expect(lied.reportAfterMs).toBeLessThanOrEqual(60_000);
    expect(lied.quietAfterMs).toBeLessThanOrEqual(90_000);
  });

  it("lets few who are left report soon again, though it sleeps and forgets between their reports", () => {
    let { reportAfterMs } = crowdTold(42_000);
    for (let report = 0; report < 20; report += 1) reportAfterMs = crowdTold(reportAfterMs).reportAfterMs;
    expect(reportAfterMs).toBeLessThanOrEqual(1_500);
  });
});

/** What the one reporter is told whom an object hears that knows nobody. */
function crowdTold(keptMs: number): ReportPace {
  return new ReporterCrowd().hear(0, { reporter: "one", ...(keptMs > 1_000 ? { keptMs } : {}) });
}
