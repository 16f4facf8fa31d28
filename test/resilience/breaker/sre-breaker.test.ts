import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BreakerOutcome } from "../../../src/resilience/breaker/breaker.ts";
import { SreBreaker, type SreBreakerOptions } from "../../../src/resilience/breaker/sre-breaker.ts";

const T0 = 1_000_000;
/** Below every probability above 0, and above every one. */
const ALWAYS = 0;
const NEVER = 1;

/**
 * A breaker that sent so many calls at T0, of which so many were accepted and the others failed.
 */
function after(sent: number, accepted: number, options: SreBreakerOptions = {}): SreBreaker {
  const breaker = new SreBreaker(options);
  for (let call = 0; call < sent; call += 1) {
    breaker.admit(T0, NEVER);
    breaker.record(T0, call < accepted ? "success" : "failure");
  }
  return breaker;
}

describe("an SRE breaker", () => {
  it("rejects nothing before ten attempts", () => {
    expect(after(9, 0).admit(T0, ALWAYS)).toEqual({ kind: "admitted" });
    expect(after(10, 0).admit(T0, ALWAYS).kind).toBe("rejected");
  });

  it("stands still while the clock steps back by less than its window", () => {
    const breaker = after(10, 0, { windowMs: 60_000 });
    expect(breaker.admit(T0 - 30_000, ALWAYS)).toEqual({ kind: "rejected", retryAfterMs: 1_000 });
    expect(breaker.admit(T0 - 29_000, ALWAYS)).toEqual({ kind: "rejected", retryAfterMs: 1_000 });
    expect(breaker.admit(T0 + 1_000, ALWAYS)).toEqual({ kind: "trial" });
  });

  it("rejects nothing while half of the attempts are accepted", () => {
    expect(after(40, 20).admit(T0, ALWAYS)).toEqual({ kind: "admitted" });
    expect(after(40, 19).admit(T0, ALWAYS).kind).toBe("rejected");
  });

  it("rejects with the probability (attempts - K accepts) / (attempts + 1)", () => {
    const p = (100 - 2 * 30) / 101;
    expect(after(100, 30).admit(T0, p - 1e-9).kind).toBe("rejected");
    expect(after(100, 30).admit(T0, p)).toEqual({ kind: "admitted" });
    const stricter = (100 - 1.5 * 30) / 101;
    expect(after(100, 30, { attemptsPerAccept: 1.5 }).admit(T0, stricter - 1e-9).kind).toBe("rejected");
    expect(after(100, 30, { attemptsPerAccept: 1.5 }).admit(T0, stricter)).toEqual({ kind: "admitted" });
  });

  it("counts an attempt when it is sent", () => {
    const breaker = new SreBreaker();
    for (let call = 0; call < 10; call += 1) breaker.admit(T0, NEVER);
    expect(breaker.admit(T0, ALWAYS).kind).toBe("rejected");
    expect(breaker.view(T0)).toEqual({ state: "half_open", total: 10, failures: 0 });
  });

  it("forgets after 5 s", () => {
    const breaker = after(100, 0);
    breaker.admit(T0 + 4_499, NEVER);
    expect(breaker.view(T0 + 4_999)).toEqual({ state: "half_open", total: 101, failures: 100 });
    expect(breaker.view(T0 + 5_000)).toEqual({ state: "closed", total: 1, failures: 0 });
  });

  it("lets a trial through when nothing was sent for a second, and says when", () => {
    const breaker = after(100, 0);
    expect(breaker.admit(T0, ALWAYS)).toEqual({ kind: "rejected", retryAfterMs: 1_000 });
    expect(breaker.admit(T0 + 999, ALWAYS)).toEqual({ kind: "rejected", retryAfterMs: 1 });
    expect(breaker.admit(T0 + 1_000, ALWAYS)).toEqual({ kind: "trial" });
    expect(breaker.admit(T0 + 1_000, ALWAYS)).toEqual({ kind: "rejected", retryAfterMs: 1_000 });
    expect(breaker.view(T0 + 1_000).total).toBe(101);
  });

  it("does not count what it rejects", () => {
    const breaker = after(100, 0);
    for (let call = 0; call < 50; call += 1) breaker.admit(T0, ALWAYS);
    expect(breaker.view(T0)).toEqual({ state: "half_open", total: 100, failures: 100 });
  });

  it("counts what it rejects if told to, and then rejects no more than 90 %", () => {
    const breaker = after(100, 40, { countRejections: true });
    expect(breaker.admit(T0, 0.5)).toEqual({ kind: "admitted" });
    for (let call = 0; call < 50; call += 1) breaker.admit(T0, ALWAYS);
    expect(breaker.view(T0).total).toBe(151);
    expect(breaker.admit(T0, (151 - 80) / 152 - 1e-9).kind).toBe("rejected");
    for (let call = 0; call < 10_000; call += 1) breaker.admit(T0, ALWAYS);
    expect(breaker.admit(T0, 0.9 - 1e-9).kind).toBe("rejected");
    expect(breaker.admit(T0, 0.9)).toEqual({ kind: "admitted" });
  });

  it("lets cancelled calls count as never sent", () => {
    const breaker = new SreBreaker();
    for (let call = 0; call < 30; call += 1) {
      breaker.admit(T0, ALWAYS);
      breaker.record(T0, "cancelled");
    }
    expect(breaker.view(T0)).toEqual({ state: "closed", total: 0, failures: 0 });
  });

  it("counts no fewer than no attempts when calls outlive the window before they are cancelled", () => {
    const breaker = new SreBreaker();
    breaker.admit(T0, NEVER);
    breaker.record(T0 + 5_000, "cancelled");
    expect(breaker.view(T0 + 5_000).total).toBe(0);
  });

  it("lets at least one call a second through, whatever happens, and all of them once half succeed again", () => {
    const step = fc.record({
      waitMs: fc.nat(200),
      random: fc.double({ noNaN: true, min: 0, max: 0.999 }),
      outcome: fc.constantFrom<BreakerOutcome>("success", "failure"),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 300 }), (steps) => {
        const breaker = new SreBreaker();
        let atMs = T0;
        let lastSentMs = T0;
        for (const { waitMs, random, outcome } of steps) {
          atMs += waitMs;
          const admission = breaker.admit(atMs, random);
          const probeInMs = lastSentMs + 1_000 - atMs;
          const mayReject =
            probeInMs > 0 ? [{ kind: "rejected", retryAfterMs: probeInMs }] : [{ kind: "trial" }];
          expect([{ kind: "admitted" }, ...mayReject]).toContainEqual(admission);
          if (admission.kind === "rejected") continue;
          lastSentMs = atMs;
          breaker.record(atMs, outcome);
        }
        expect(breaker.admit(atMs + 5_000, ALWAYS)).toEqual({ kind: "admitted" });
      }),
    );
  });

  it("refuses options out of range", () => {
    const make = (options: SreBreakerOptions) => () => new SreBreaker(options);
    expect(make({ attemptsPerAccept: 0.9 })).toThrow(
      new RangeError("attemptsPerAccept must be in [1, 100], got 0.9"),
    );
    expect(make({ attemptsPerAccept: 101 })).toThrow(
      new RangeError("attemptsPerAccept must be in [1, 100], got 101"),
    );
    expect(make({ attemptsMin: 0 })).toThrow(
      new RangeError("attemptsMin must be an integer in [1, 1000000], got 0"),
    );
    expect(make({ probeEveryMs: 0 })).toThrow(
      new RangeError("probeEveryMs must be an integer in [1, 3600000], got 0"),
    );
    expect(make({ windowMs: 5_001 })).toThrow(
      new RangeError("windowMs must be a multiple of buckets (10), got 5001"),
    );
    expect(make({ attemptsPerAccept: 1, attemptsMin: 1, probeEveryMs: 1 })).not.toThrow();
  });
});
