import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BreakerOutcome } from "../../../src/resilience/breaker/breaker.ts";
import {
  HystrixBreaker,
  type HystrixBreakerOptions,
} from "../../../src/resilience/breaker/hystrix-breaker.ts";

const T0 = 1_000_000;

function fail(breaker: HystrixBreaker, atMs: number, times = 20): void {
  for (let time = 0; time < times; time += 1) breaker.record(atMs, "failure", "admitted");
}

function tripped(options: HystrixBreakerOptions = {}): HystrixBreaker {
  const breaker = new HystrixBreaker(options);
  fail(breaker, T0);
  return breaker;
}

/** A trial that ends as told; it was due then and not a ms before. */
function trial(breaker: HystrixBreaker, dueAtMs: number, outcome: BreakerOutcome): void {
  expect(breaker.admit(dueAtMs - 1)).toEqual({ kind: "rejected", retryAfterMs: 1 });
  expect(breaker.admit(dueAtMs)).toEqual({ kind: "trial" });
  breaker.record(dueAtMs, outcome, "trial");
}

describe("a closed Hystrix breaker", () => {
  it("admits everything, and the same object each time", () => {
    const breaker = new HystrixBreaker();
    fail(breaker, T0, 19);
    expect(breaker.admit(T0)).toEqual({ kind: "admitted" });
    expect(breaker.admit(T0)).toBe(breaker.admit(T0));
    expect(breaker.isClosed).toBe(true);
    expect(breaker.view(T0)).toEqual({ state: "closed", total: 19, failures: 19 });
  });

  it("trips at the twentieth call if half of them failed, be that call a success", () => {
    const breaker = new HystrixBreaker();
    fail(breaker, T0, 10);
    for (let time = 0; time < 9; time += 1) breaker.record(T0, "success", "admitted");
    expect(breaker.isClosed).toBe(true);
    breaker.record(T0, "success", "admitted");
    expect(breaker.isClosed).toBe(false);
    expect(breaker.view(T0)).toEqual({ state: "open", total: 20, failures: 10 });
  });

  it("does not count cancelled calls", () => {
    const breaker = new HystrixBreaker();
    for (let time = 0; time < 100; time += 1) breaker.record(T0, "cancelled", "admitted");
    expect(breaker.view(T0)).toEqual({ state: "closed", total: 0, failures: 0 });
  });

  it("does not trip on old failures after an hour's idle", () => {
    const breaker = new HystrixBreaker();
    fail(breaker, T0, 19);
    fail(breaker, T0 + 3_600_000, 19);
    expect(breaker.isClosed).toBe(true);
  });
});

describe("an open Hystrix breaker", () => {
  it("rejects for 5 s and tells how long that will be", () => {
    const breaker = tripped();
    expect(breaker.admit(T0)).toEqual({ kind: "rejected", retryAfterMs: 5_000 });
    expect(breaker.admit(T0 + 4_999)).toEqual({ kind: "rejected", retryAfterMs: 1 });
    expect(breaker.admit(T0 + 5_000)).toEqual({ kind: "trial" });
    expect(breaker.view(T0 + 5_000).state).toBe("half_open");
  });

  it("is not impressed by outcomes that come late", () => {
    const breaker = tripped();
    for (const outcome of ["success", "failure", "cancelled"] as const) {
      breaker.record(T0, outcome, "admitted");
      breaker.record(T0, outcome, "trial");
    }
    expect(breaker.view(T0)).toEqual({ state: "open", total: 20, failures: 20 });
    expect(breaker.admit(T0)).toEqual({ kind: "rejected", retryAfterMs: 5_000 });
  });

  it("stays open no longer when the clock is set back by an hour", () => {
    const breaker = tripped({ openMsMax: 5_000 });
    expect(breaker.admit(T0 + 1_000).kind).toBe("rejected");
    expect(breaker.admit(T0 - 500_000).kind).toBe("rejected");
    expect(breaker.admit(T0 - 500_000 + 4_000)).toEqual({ kind: "trial" });
  });
});

describe("a half-open Hystrix breaker", () => {
  it("closes if the trial succeeds, and has forgotten the failures", () => {
    const breaker = tripped();
    trial(breaker, T0 + 5_000, "success");
    expect(breaker.view(T0 + 5_000)).toEqual({ state: "closed", total: 0, failures: 0 });
    fail(breaker, T0 + 5_000, 19);
    expect(breaker.isClosed).toBe(true);
    fail(breaker, T0 + 5_000, 1);
    expect(breaker.admit(T0 + 5_000)).toEqual({ kind: "rejected", retryAfterMs: 5_000 });
  });

  it("opens for twice as long after each failed trial, up to a minute, and for 5 s after it was closed", () => {
    const breaker = tripped();
    let atMs = T0;
    for (const openMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
      trial(breaker, (atMs += openMs), "failure");
    trial(breaker, (atMs += 60_000), "success");
    fail(breaker, atMs);
    expect(breaker.admit(atMs)).toEqual({ kind: "rejected", retryAfterMs: 5_000 });
  });

  it("tries again a second after a cancelled trial, and waits after a failed one as if that had not been", () => {
    const breaker = tripped();
    trial(breaker, T0 + 5_000, "cancelled");
    trial(breaker, T0 + 6_000, "failure");
    trial(breaker, T0 + 16_000, "cancelled");
    trial(breaker, T0 + 17_000, "cancelled");
    trial(breaker, T0 + 18_000, "failure");
    trial(breaker, T0 + 38_000, "success");
    expect(breaker.isClosed).toBe(true);
  });

  it("tries again sooner than after a second where it waits for less anyway", () => {
    const breaker = tripped({ openMs: 400 });
    trial(breaker, T0 + 400, "cancelled");
    trial(breaker, T0 + 800, "failure");
    trial(breaker, T0 + 1_600, "success");
    expect(breaker.isClosed).toBe(true);
  });

  it("rejects all others while the trial is under way", () => {
    const breaker = tripped();
    breaker.admit(T0 + 5_000);
    expect(breaker.admit(T0 + 9_999)).toEqual({ kind: "rejected", retryAfterMs: 1_000 });
    expect(breaker.isClosed).toBe(false);
  });

  it("lets another trial through when the caller of the first has vanished for 5 s", () => {
    const breaker = tripped();
    breaker.admit(T0 + 5_000);
    expect(breaker.admit(T0 + 9_999).kind).toBe("rejected");
    expect(breaker.admit(T0 + 10_000)).toEqual({ kind: "trial" });
    expect(breaker.admit(T0 + 14_999).kind).toBe("rejected");
    expect(breaker.admit(T0 + 15_000)).toEqual({ kind: "trial" });
    breaker.record(T0 + 15_000, "failure", "trial");
    expect(breaker.admit(T0 + 15_000)).toEqual({ kind: "rejected", retryAfterMs: 10_000 });
  });

  it("is not impressed by calls from before it opened", () => {
    const breaker = tripped();
    breaker.admit(T0 + 5_000);
    for (const outcome of ["success", "failure", "cancelled"] as const)
      breaker.record(T0 + 5_000, outcome, "admitted");
    expect(breaker.view(T0 + 5_000).state).toBe("half_open");
    expect(breaker.view(T0 + 5_000).total).toBe(20);
  });

  it("goes on doubling its wait though the caller of a trial has vanished", () => {
    const breaker = tripped();
    trial(breaker, T0 + 5_000, "failure");
    expect(breaker.admit(T0 + 15_000)).toEqual({ kind: "trial" });
    expect(breaker.admit(T0 + 20_000)).toEqual({ kind: "trial" });
    breaker.record(T0 + 20_000, "failure", "trial");
    expect(breaker.admit(T0 + 20_000)).toEqual({ kind: "rejected", retryAfterMs: 20_000 });
  });

  it("lets as many trials through as it was told, and one success closes it", () => {
    const breaker = tripped({ trials: 3, trialTimeoutMs: 400 });
    expect([1, 2, 3, 4].map(() => breaker.admit(T0 + 5_000))).toEqual([
      { kind: "trial" },
      { kind: "trial" },
      { kind: "trial" },
      { kind: "rejected", retryAfterMs: 400 },
    ]);
    expect([1, 2, 3, 4].map(() => breaker.admit(T0 + 5_400).kind)).toEqual([
      "trial",
      "trial",
      "trial",
      "rejected",
    ]);
    breaker.record(T0 + 5_400, "success", "trial");
    expect(breaker.isClosed).toBe(true);
    breaker.record(T0 + 5_400, "failure", "trial");
    expect(breaker.view(T0 + 5_400)).toEqual({ state: "closed", total: 1, failures: 1 });
  });
});

describe("a Hystrix breaker steered from outside", () => {
  it("opens for 5 s when it is told to, and stays open for 5 s at least where it is open already", () => {
    const breaker = new HystrixBreaker();
    breaker.trip(T0);
    breaker.trip(T0 + 2_000);
    expect(breaker.admit(T0 + 6_999).kind).toBe("rejected");
    trial(breaker, T0 + 7_000, "failure");
    breaker.trip(T0 + 11_000);
    trial(breaker, T0 + 17_000, "success");
    expect(breaker.isClosed).toBe(true);
  });

  it("opens as of when the upstream failed: where that is longer ago, the first call is the trial", () => {
    const breaker = new HystrixBreaker();
    breaker.trip(T0, T0 - 3_000);
    expect(breaker.admit(T0 + 1_999)).toEqual({ kind: "rejected", retryAfterMs: 1 });
    expect(breaker.admit(T0 + 2_000).kind).toBe("trial");
    const later = new HystrixBreaker();
    later.trip(T0, T0 - 3_600_000);
    expect(later.admit(T0).kind).toBe("trial");
  });

  it("closes and forgets when it is told to", () => {
    const breaker = tripped();
    breaker.reset();
    expect(breaker.admit(T0)).toEqual({ kind: "admitted" });
    expect(breaker.view(T0)).toEqual({ state: "closed", total: 0, failures: 0 });
  });
});

interface Step {
  readonly waitMs: number;
  readonly outcome: BreakerOutcome;
}

const step: fc.Arbitrary<Step> = fc.record({
  waitMs: fc.nat(3_000),
  outcome: fc.constantFrom<BreakerOutcome>("success", "failure", "cancelled"),
});

/** A breaker after such calls, each over at once, with the trials among them. */
function run(steps: readonly Step[]) {
  const breaker = new HystrixBreaker({ callsMin: 3 });
  let atMs = T0;
  const trials: { readonly beganAtMs: number; readonly outcome: BreakerOutcome }[] = [];
  for (const { waitMs, outcome } of steps) {
    atMs += waitMs;
    const { kind } = breaker.admit(atMs);
    if (kind === "trial") trials.push({ beganAtMs: atMs, outcome });
    expect(kind === "admitted").toBe(breaker.isClosed);
    if (kind !== "rejected") breaker.record(atMs, outcome, kind);
  }
  return { breaker, trials, atMs };
}

describe("any Hystrix breaker", () => {
  it("waits 5 s at least from a trial that told something to the next, a second from one that was cancelled", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 150 }), (steps) => {
        const { breaker, trials, atMs } = run(steps);
        for (const [index, { beganAtMs }] of trials.slice(1).entries()) {
          const before = trials[index];
          const pauseMs = before?.outcome === "cancelled" ? 1_000 : 5_000;
          expect(beganAtMs - (before?.beganAtMs ?? 0)).toBeGreaterThanOrEqual(pauseMs);
        }
        const { kind } = breaker.admit(atMs + 60_000);
        expect(kind).not.toBe("rejected");
        if (kind === "trial") breaker.record(atMs + 60_000, "success", kind);
        expect(breaker.isClosed).toBe(true);
      }),
    );
  });

  it("is kept shut by nobody who hangs up: the wait is that of the last trial that told something, or a second", () => {
    const isTold = ({ outcome }: Step): boolean => outcome !== "cancelled";
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 50, maxLength: 150 }),
        fc.integer({ min: 1, max: 9 }),
        (steps, hangUps) => {
          const { breaker, atMs } = run(steps.filter(isTold));
          if (breaker.isClosed) return;
          let nowMs = atMs + 60_000;
          for (let times = 0; times < hangUps; times += 1) {
            expect(breaker.admit(nowMs).kind).toBe("trial");
            breaker.record(nowMs, "cancelled", "trial");
            nowMs += 1_000;
          }
          expect(breaker.admit(nowMs).kind).toBe("trial");
        },
      ),
    );
  });

  it("refuses options out of range", () => {
    const make = (options: HystrixBreakerOptions) => () => new HystrixBreaker(options);
    expect(make({ openMs: 0 })).toThrow(new RangeError("openMs must be an integer in [1, 3600000], got 0"));
    expect(make({ openMs: 3_600_001 })).toThrow(
      new RangeError("openMs must be an integer in [1, 3600000], got 3600001"),
    );
    expect(make({ openMsMax: 4_999 })).toThrow(
      new RangeError("openMsMax must be an integer in [5000, 3600000], got 4999"),
    );
    expect(make({ trials: 0 })).toThrow(new RangeError("trials must be an integer in [1, 100], got 0"));
    expect(make({ trials: 101 })).toThrow(new RangeError("trials must be an integer in [1, 100], got 101"));
    expect(make({ trialTimeoutMs: 0 })).toThrow(
      new RangeError("trialTimeoutMs must be an integer in [1, 3600000], got 0"),
    );
    expect(make({ callsMin: 0 })).toThrow(
      new RangeError("callsMin must be an integer in [1, 1000000], got 0"),
    );
    expect(make({ openMs: 1, openMsMax: 1, trials: 1, trialTimeoutMs: 1 })).not.toThrow();
  });
});
