import { describe, expect, it } from "vitest";
import { BreakerReports } from "../../../src/resilience/breaker/breaker-reports.ts";

const T0 = 1_000_000;
const VERSION = 3;

const breakerReports = (): BreakerReports =>
  new BreakerReports({ reporter: "a", reportEveryMs: 1_000, answerTimeoutMs: 3_000, random: () => 0 });
/** Calls by age, of those seconds that had any: the age, and how many went well and failed. */
const agesOf = (...seconds: readonly (readonly [number, number, number])[]) =>
  Array.from({ length: Math.max(...seconds.map(([age]) => age)) + 1 }, (_, at) => {
    const [, ok, failed] = seconds.find(([age]) => age === at) ?? [at, 0, 0];
    return { ok, failed };
  });

const report = (changes: object) => ({
  reporter: "a",
  ok: 0,
  failed: 0,
  probe: null,
  version: VERSION,
  ...changes,
});

describe("what an isolate has to report", () => {
  it("has nothing to tell where nothing happened", () => {
    expect(breakerReports().take(T0, VERSION)).toBeNull();
  });

  it("tells what was counted, at once the first time and then once a second", () => {
    const reports = breakerReports();
    reports.count(T0, "success");
    reports.count(T0, "failure");
    reports.count(T0, "failure");
    expect(reports.take(T0, VERSION)).toEqual(report({ ok: 1, failed: 2 }));
    expect(reports.settle(true)).toBe(T0);
    reports.count(T0 + 1, "success");
    expect(reports.take(T0 + 999, VERSION)).toBeNull();
    expect(reports.take(T0 + 1_000, VERSION)).toEqual(report({ ok: 1 }));
  });

  it("tells of one success and one failure, which do not cancel out", () => {
    const reports = breakerReports();
    reports.count(T0, "success");
    reports.count(T0, "failure");
    expect(reports.take(T0, VERSION)).toEqual(report({ ok: 1, failed: 1 }));
  });

  it("asks for a verdict where calls are rejected, once for each report", () => {
    const reports = breakerReports();
    reports.askForVerdict(T0);
    expect(reports.take(T0, VERSION)).toEqual(report({}));
    reports.settle(true);
    expect(reports.take(T0 + 1_000, VERSION)).toBeNull();
  });

  it("tells of a failure alone, and of a probe alone", () => {
    const reports = breakerReports();
    reports.count(T0, "failure");
    expect(reports.take(T0, VERSION)).toEqual(report({ failed: 1 }));
    reports.settle(true);
    reports.probed(T0, "failed");
    expect(reports.take(T0 + 1_000, VERSION)).toEqual(report({ probe: "failed" }));
    reports.settle(true);
    expect(reports.take(T0 + 2_000, VERSION)).toBeNull();
  });

  it("does not wait for its turn in a hurry, nor longer than it would have", () => {
    const reports = breakerReports();
    reports.count(T0, "success");
    reports.take(T0, VERSION);
    reports.settle(true);
    reports.probed(T0, "succeeded");
    reports.hurry(T0 + 10);
    expect(reports.take(T0 + 9, VERSION)).toBeNull();
    reports.hurry(T0 + 5_000);
    expect(reports.take(T0 + 10, VERSION)).toEqual(report({ probe: "succeeded" }));
  });

  it("sends nothing, not even in a hurry, while a report is under way", () => {
    const reports = breakerReports();
    reports.count(T0, "success");
    reports.take(T0, VERSION);
    reports.count(T0, "failure");
    reports.hurry(T0);
    expect(reports.take(T0 + 500, VERSION)).toBeNull();
    expect(reports.settle(true)).toBe(T0);
    expect(reports.take(T0 + 500, VERSION)).toEqual(report({ failed: 1 }));
  });

  it("tells what got lost with the next report, a second later", () => {
    const reports = breakerReports();
    reports.count(T0, "failure");
    reports.count(T0, "success");
    reports.probed(T0, "failed");
    reports.take(T0, VERSION);
    reports.count(T0 + 1, "failure");
    reports.failed(T0 + 700);
    expect(reports.take(T0 + 1_699, VERSION)).toBeNull();
    expect(reports.take(T0 + 1_700, VERSION)).toEqual(report({ ok: 1, failed: 2, probe: "failed" }));
  });

  it("tells of the newer probe if an older one got lost", () => {
    const reports = breakerReports();
    reports.probed(T0, "failed");
    reports.take(T0, VERSION);
    reports.probed(T0, "succeeded");
    reports.failed(T0);
    expect(reports.take(T0 + 1_000, VERSION)).toEqual(report({ probe: "succeeded" }));
  });

  it("asks again after a failure even if there is nothing to tell", () => {
    const reports = breakerReports();
    reports.askForVerdict(T0);
    reports.take(T0, VERSION);
    reports.failed(T0);
    expect(reports.take(T0 + 1_000, VERSION)).toEqual(report({}));
  });

  it("takes a report for lost that was not answered for 3 s, and sends the next a second later", () => {
    const reports = breakerReports();
    reports.count(T0, "failure");
    reports.take(T0, VERSION);
    expect(reports.take(T0 + 2_999, VERSION)).toBeNull();
    expect(reports.take(T0 + 3_000, VERSION)).toBeNull();
    expect(reports.settle(true)).toBeNull();
    expect(reports.take(T0 + 3_999, VERSION)).toBeNull();
    expect(reports.take(T0 + 4_000, VERSION)).toEqual(report({ failed: 1, recent: agesOf([4, 0, 1]) }));
  });

  it("still waits for an answer just before the 3 s are over", () => {
    const reports = breakerReports();
    reports.count(T0, "failure");
    reports.take(T0, VERSION);
    reports.take(T0 + 2_999, VERSION);
    expect(reports.settle(true)).toBe(T0);
  });

  it("tells again what was answered, but not counted", () => {
    const reports = breakerReports();
    reports.count(T0, "failure");
    reports.take(T0, VERSION);
    expect(reports.settle(false)).toBe(T0);
    expect(reports.take(T0 + 1_000, VERSION + 1)).toEqual(report({ failed: 1, version: VERSION + 1 }));
  });

  it("knows of nothing to settle or to lose when nothing is under way", () => {
    const reports = breakerReports();
    expect(reports.settle(false)).toBeNull();
    reports.failed(T0);
    expect(reports.take(T0 + 1_000, VERSION)).toEqual(report({}));
  });

  it("forgets what was seen in a state that has passed", () => {
    const reports = breakerReports();
    reports.count(T0, "failure");
    reports.probed(T0, "failed");
    reports.forget();
    expect(reports.take(T0, VERSION)).toBeNull();
  });

  it("tells nothing that is older than 10 s", () => {
    const reports = breakerReports();
    reports.count(T0, "failure");
    expect(reports.take(T0 + 10_000, VERSION)).toBeNull();
    reports.count(T0 + 20_000, "failure");
    reports.count(T0 + 29_999, "failure");
    expect(reports.take(T0 + 29_999, VERSION)).toEqual(
      report({ failed: 2, recent: agesOf([0, 0, 1], [9, 0, 1]) }),
    );
    reports.settle(true);
    reports.count(T0 + 30_000, "failure");
    reports.count(T0 + 39_999, "success");
    expect(reports.take(T0 + 39_999, VERSION)).toEqual(
      report({ ok: 1, failed: 1, recent: agesOf([0, 1, 0], [9, 0, 1]) }),
    );
    reports.settle(true);
    reports.count(T0 + 40_999, "failure");
    reports.count(T0 + 51_000, "success");
    expect(reports.take(T0 + 51_000, VERSION)).toEqual(report({ ok: 1 }));
  });

  it("tells nothing that is older than 10 s, however often it got lost", () => {
    const reports = breakerReports();
    reports.count(T0, "failure");
    for (let atMs = T0; atMs < T0 + 10_000; atMs += 1_000) {
      expect(reports.take(atMs, VERSION)).toMatchObject(report({ failed: 1 }));
      reports.failed(atMs);
    }
    expect(reports.take(T0 + 10_000, VERSION)).toEqual(report({}));
  });
});
