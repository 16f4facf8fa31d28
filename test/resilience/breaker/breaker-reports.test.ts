import { describe, expect, it } from "vitest";
import { BreakerReports } from "../../../src/resilience/breaker/breaker-reports.ts";

const T0 = 1_000_000;
const VERSION = 3;

const outbox = (): BreakerReports =>
  new BreakerReports({ reporter: "a", reportEveryMs: 1_000, answerTimeoutMs: 3_000 });
const report = (changes: object) => ({
  reporter: "a",
  ok: 0,
  failed: 0,
  probe: null,
  version: VERSION,
  ...changes,
});

describe("an outbox of reports", () => {
  it("has nothing to tell where nothing happened", () => {
    expect(outbox().take(T0, VERSION)).toBeNull();
  });

  it("tells what was counted, at once the first time and then once a second", () => {
    const box = outbox();
    box.count(T0, "success");
    box.count(T0, "failure");
    box.count(T0, "failure");
    expect(box.take(T0, VERSION)).toEqual(report({ ok: 1, failed: 2 }));
    expect(box.settle(true)).toBe(T0);
    box.count(T0 + 1, "success");
    expect(box.take(T0 + 999, VERSION)).toBeNull();
    expect(box.take(T0 + 1_000, VERSION)).toEqual(report({ ok: 1 }));
  });

  it("tells of one success and one failure, which do not cancel out", () => {
    const box = outbox();
    box.count(T0, "success");
    box.count(T0, "failure");
    expect(box.take(T0, VERSION)).toEqual(report({ ok: 1, failed: 1 }));
  });

  it("asks for a verdict where calls are rejected, once for each report", () => {
    const box = outbox();
    box.askForVerdict();
    expect(box.take(T0, VERSION)).toEqual(report({}));
    box.settle(true);
    expect(box.take(T0 + 1_000, VERSION)).toBeNull();
  });

  it("tells of a failure alone, and of a probe alone", () => {
    const box = outbox();
    box.count(T0, "failure");
    expect(box.take(T0, VERSION)).toEqual(report({ failed: 1 }));
    box.settle(true);
    box.probed("failed");
    expect(box.take(T0 + 1_000, VERSION)).toEqual(report({ probe: "failed" }));
    box.settle(true);
    expect(box.take(T0 + 2_000, VERSION)).toBeNull();
  });

  it("does not wait for its turn in a hurry, nor longer than it would have", () => {
    const box = outbox();
    box.count(T0, "success");
    box.take(T0, VERSION);
    box.settle(true);
    box.probed("succeeded");
    box.hurry(T0 + 10);
    expect(box.take(T0 + 9, VERSION)).toBeNull();
    box.hurry(T0 + 5_000);
    expect(box.take(T0 + 10, VERSION)).toEqual(report({ probe: "succeeded" }));
  });

  it("sends nothing, not even in a hurry, while a report is under way", () => {
    const box = outbox();
    box.count(T0, "success");
    box.take(T0, VERSION);
    box.count(T0, "failure");
    box.hurry(T0);
    expect(box.take(T0 + 500, VERSION)).toBeNull();
    expect(box.settle(true)).toBe(T0);
    expect(box.take(T0 + 500, VERSION)).toEqual(report({ failed: 1 }));
  });

  it("tells what got lost with the next report, a second later", () => {
    const box = outbox();
    box.count(T0, "failure");
    box.count(T0, "success");
    box.probed("failed");
    box.take(T0, VERSION);
    box.count(T0 + 1, "failure");
    box.failed(T0 + 700);
    expect(box.take(T0 + 1_699, VERSION)).toBeNull();
    expect(box.take(T0 + 1_700, VERSION)).toEqual(report({ ok: 1, failed: 2, probe: "failed" }));
  });

  it("tells of the newer probe if an older one got lost", () => {
    const box = outbox();
    box.probed("failed");
    box.take(T0, VERSION);
    box.probed("succeeded");
    box.failed(T0);
    expect(box.take(T0 + 1_000, VERSION)).toEqual(report({ probe: "succeeded" }));
  });

  it("asks again after a failure even if there is nothing to tell", () => {
    const box = outbox();
    box.askForVerdict();
    box.take(T0, VERSION);
    box.failed(T0);
    expect(box.take(T0 + 1_000, VERSION)).toEqual(report({}));
  });

  it("takes a report for lost that was not answered for 3 s, and sends the next a second later", () => {
    const box = outbox();
    box.count(T0, "failure");
    box.take(T0, VERSION);
    expect(box.take(T0 + 2_999, VERSION)).toBeNull();
    expect(box.take(T0 + 3_000, VERSION)).toBeNull();
    expect(box.settle(true)).toBeNull();
    expect(box.take(T0 + 3_999, VERSION)).toBeNull();
    expect(box.take(T0 + 4_000, VERSION)).toEqual(report({ failed: 1 }));
  });

  it("still waits for an answer just before the 3 s are over", () => {
    const box = outbox();
    box.count(T0, "failure");
    box.take(T0, VERSION);
    box.take(T0 + 2_999, VERSION);
    expect(box.settle(true)).toBe(T0);
  });

  it("tells again what was answered, but not counted", () => {
    const box = outbox();
    box.count(T0, "failure");
    box.take(T0, VERSION);
    expect(box.settle(false)).toBe(T0);
    expect(box.take(T0 + 1_000, VERSION + 1)).toEqual(report({ failed: 1, version: VERSION + 1 }));
  });

  it("knows of nothing to settle or to lose when nothing is under way", () => {
    const box = outbox();
    expect(box.settle(false)).toBeNull();
    box.failed(T0);
    expect(box.take(T0 + 1_000, VERSION)).toEqual(report({}));
  });

  it("forgets what was seen in a state that has passed", () => {
    const box = outbox();
    box.count(T0, "failure");
    box.probed("failed");
    box.forget(T0);
    expect(box.take(T0, VERSION)).toBeNull();
  });

  it("tells nothing that is older than 10 s", () => {
    const box = outbox();
    box.count(T0, "failure");
    expect(box.take(T0 + 10_000, VERSION)).toBeNull();
    box.count(T0 + 20_000, "failure");
    box.count(T0 + 29_999, "failure");
    expect(box.take(T0 + 29_999, VERSION)).toEqual(report({ failed: 2 }));
    box.settle(true);
    box.count(T0 + 30_000, "failure");
    box.count(T0 + 39_999, "success");
    expect(box.take(T0 + 39_999, VERSION)).toEqual(report({ ok: 1 }));
  });

  it("tells nothing that is older than 10 s, however often it got lost", () => {
    const box = outbox();
    box.count(T0, "failure");
    for (let atMs = T0; atMs < T0 + 10_000; atMs += 1_000) {
      expect(box.take(atMs, VERSION)).toEqual(report({ failed: 1 }));
      box.failed(atMs);
    }
    expect(box.take(T0 + 10_000, VERSION)).toEqual(report({}));
  });
});
