import { describe, expect, it } from "vitest";
import { breakerObserver } from "../../../src/platform/guard/breaker-observer.ts";
import type { ReportPace } from "../../../src/resilience/breaker/report-turns.ts";
import { SreBreaker } from "../../../src/resilience/breaker/sre-breaker.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

interface Seen {
  readonly ok: number;
  readonly failed: number;
  readonly keptMs?: number;
}

function observing(answer: () => Promise<ReportPace | void> = async () => undefined) {
  const clock = new VirtualTime();
  const sent: Seen[] = [];
  const { breaker, afterAttempt } = breakerObserver({
    breaker: new SreBreaker(),
    send: (seen) => {
      sent.push(seen);
      return answer();
    },
    background: () => undefined,
    onFailure: () => undefined,
    now: clock.now,
    random: () => 0,
  });
  const attempt = (outcome: "success" | "failure" | "cancelled"): Promise<void> | undefined => {
    const admission = breaker.admit(clock.now(), 0);
    if (admission.kind !== "rejected") breaker.record(clock.now(), outcome, admission.kind);
    return afterAttempt();
  };
  return { attempt, clock, sent };
}

describe("a breaker that decides by itself", () => {
  it("tells what it saw once a second at most, and every attempt once", () => {
    const { attempt, clock, sent } = observing();
    for (let step = 0; step < 100; step += 1) {
      void attempt(step % 10 === 0 ? "failure" : "success");
      clock.turn(50);
    }
    expect(sent.length).toBe(5);
    void attempt("success");
    const sum = (of: "ok" | "failed") => sent.reduce((total, seen) => total + seen[of], 0);
    expect([sum("ok"), sum("failed")]).toEqual([91, 10]);
  });

  it("tells as seldom as the object asks it to, and says so, a second later again where it asks no more", async () => {
    let pace: ReportPace | undefined = { reportAfterMs: 42_000, quietAfterMs: 80_000 };
    const { attempt, clock, sent } = observing(async () => pace);
    const seconds = async (many: number): Promise<void> => {
      for (let second = 0; second < many; second += 1) {
        void attempt("failure");
        clock.turn(1_000);
        await Promise.resolve();
        await new Promise(setImmediate);
      }
    };
    await seconds(80);
    expect(sent).toEqual([{ ok: 0, failed: 1 }]);
    pace = undefined;
    await seconds(2);
    expect(sent.slice(1)).toEqual([
      { ok: 0, failed: 80, keptMs: 42_000 },
      { ok: 0, failed: 1 },
    ]);
  });

  it("has nobody wait for a verdict, also where what it tells hangs", () => {
    const { attempt, clock, sent } = observing(() => new Promise(() => undefined));
    for (let second = 0; second < 3; second += 1) {
      expect(attempt("success")).toBeUndefined();
      clock.turn(1_000);
    }
    expect(sent).toHaveLength(3);
  });

  it("tells nothing of calls that nobody waited for, nor while there are none", () => {
    const { attempt, clock, sent } = observing();
    void attempt("cancelled");
    clock.turn(5_000);
    void attempt("cancelled");
    expect(sent).toEqual([]);
  });
});
