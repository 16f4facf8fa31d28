import { describe, expect, it } from "vitest";
import { breakerReporter } from "../../../src/platform/guard/breaker-reporter.ts";
import type { BreakerReport, BreakerVerdict } from "../../../src/resilience/breaker/shared-breaker-state.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker } from "../../../src/resilience/breaker/shared-breaker.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const CLOSED: BreakerVerdict = { state: "closed", version: 0, probeLeaseMs: 0 };

function reporting(answer: (report: BreakerReport) => Promise<BreakerVerdict> = async () => CLOSED) {
  const clock = new VirtualTime();
  const breaker = new SharedBreaker({ engine: new HystrixBreaker(), reporter: "isolate-1", random: () => 0 });
  const sent: BreakerReport[] = [];
  const failures: unknown[] = [];
  let background: Promise<unknown>[] = [];
  const report = breakerReporter({
    breaker,
    send: (what) => {
      sent.push(what);
      return answer(what);
    },
    background: (work) => void background.push(work),
    onFailure: (error) => void failures.push(error),
    now: clock.now,
  });
  const attempt = (outcome: "success" | "failure"): void => {
    const admission = breaker.admit(clock.now(), 0);
    if (admission.kind !== "rejected") breaker.record(clock.now(), outcome, admission.kind);
    void report();
  };
  const settle = async (): Promise<void> => {
    await Promise.all(background);
    background = [];
  };
  return { attempt, settle, clock, sent, failures };
}

describe("an isolate tells the shared breaker", () => {
  it("what it has seen, once a second at most, and every attempt once", async () => {
    const { attempt, settle, clock, sent } = reporting();
    for (let step = 0; step < 100; step += 1) {
      attempt("success");
      await settle();
      clock.turn(50);
    }
    expect(sent.length).toBeGreaterThanOrEqual(4);
    expect(sent.length).toBeLessThanOrEqual(6);
    clock.turn(1_000);
    attempt("success");
    expect(sent.reduce((sum, { ok }) => sum + ok, 0)).toBe(101);
  });

  it("without anybody waiting: an answer that hangs holds up no attempt and no second report is sent beside it", async () => {
    const { attempt, clock, sent } = reporting(() => new Promise(() => undefined));
    for (let step = 0; step < 25; step += 1) {
      attempt("success");
      clock.turn(100);
    }
    expect(sent.length).toBe(1);
  });

  it("later what it could not tell at once", async () => {
    let reachable = false;
    const { attempt, settle, clock, sent, failures } = reporting(async () => {
      if (!reachable) throw new Error("the object is away");
      return CLOSED;
    });
    for (let step = 0; step < 5; step += 1) {
      attempt("success");
      await settle();
    }
    expect(failures.length).toBeGreaterThan(0);
    reachable = true;
    clock.turn(2_000);
    attempt("success");
    await settle();
    clock.turn(2_000);
    attempt("success");
    expect(sent.slice(failures.length).reduce((sum, { ok }) => sum + ok, 0)).toBe(7);
  });
});
