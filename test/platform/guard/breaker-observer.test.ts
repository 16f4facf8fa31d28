import { describe, expect, it } from "vitest";
import { breakerObserver } from "../../../src/platform/guard/breaker-observer.ts";
import { SreBreaker } from "../../../src/resilience/breaker/sre-breaker.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

interface Seen {
  readonly ok: number;
  readonly failed: number;
}

function observing(answer: () => Promise<void> = async () => undefined) {
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
    const sum = (of: keyof Seen) => sent.reduce((total, seen) => total + seen[of], 0);
    expect([sum("ok"), sum("failed")]).toEqual([91, 10]);
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
