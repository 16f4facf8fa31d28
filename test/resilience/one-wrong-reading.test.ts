import { describe, expect, it } from "vitest";
import { BbrLimiter } from "../../src/resilience/overload/bbr-limiter.ts";
import { SharedBreakerState } from "../../src/resilience/breaker/shared-breaker-state.ts";
import { createClientQuota } from "../../src/resilience/quota/create-client-quota.ts";
import { Gcra } from "../../src/resilience/quota/gcra.ts";
import { HystrixBreaker } from "../../src/resilience/breaker/hystrix-breaker.ts";
import { quotaFor } from "../../src/resilience/quota/quota-for.ts";
import { RetryBudget } from "../../src/resilience/retry/retry-budget.ts";
import { SharedBreaker } from "../../src/resilience/breaker/shared-breaker.ts";
import { SreBreaker } from "../../src/resilience/breaker/sre-breaker.ts";

/** One reading of a clock that is far off; everything before and after is right. */
const NOW_MS = 1_700_000_000_000;
const OFF_MS = [30 * 86_400_000, -30 * 86_400_000];
const STEP_MS = 250;

/**
 * How long it takes, in ms after the wrong reading, until `admits` does; never, if not within the
 * time.
 */
function admitsAfter(admits: (nowMs: number) => boolean, withinMs: number): number {
  for (let afterMs = 0; afterMs <= withinMs; afterMs += STEP_MS) if (admits(NOW_MS + afterMs)) return afterMs;
  return Number.POSITIVE_INFINITY;
}

describe.each(OFF_MS)("what refuses, at one reading %d ms off", (offMs) => {
  const wrongMs = NOW_MS + offMs;

  it.each([10, 300])("a quota of %d refuses for no longer than its window, restarted or not", (limit) => {
    const rate = { limit, windowMs: 20_000 };
    for (const restarts of [false, true]) {
      const used = quotaFor(rate);
      used.take(NOW_MS - 1_000, 1);
      used.take(wrongMs, limit);
      const quota = restarts ? quotaFor(rate, JSON.parse(JSON.stringify(used.state))) : used;
      expect(
        admitsAfter((nowMs) => quota.take(nowMs, limit).allowed, 2 * rate.windowMs + STEP_MS),
      ).toBeLessThan(Number.POSITIVE_INFINITY);
    }
  });

  it("a pace refuses for no longer than its window", () => {
    const pace = new Gcra({ limit: 10, windowMs: 20_000 });
    pace.take(NOW_MS - 1_000, 1);
    pace.take(wrongMs, 10);
    expect(admitsAfter((nowMs) => pace.take(nowMs, 10).allowed, 20_000 + STEP_MS)).toBeLessThan(
      Number.POSITIVE_INFINITY,
    );
  });

  it.each(["strict", "async", "lease"] as const)(
    "a client's denial (%s) is remembered for no longer than it was told",
    (mode) => {
      const quota = createClientQuota(mode, { limit: 10, windowMs: 20_000 }, { onUnreachable: "open" });
      quota.ask(wrongMs, 1);
      quota.answered(wrongMs, 1, {
        allowed: false,
        remaining: 0,
        resetMs: 5_000,
        retryAfterMs: 5_000,
        granted: 0,
        holdMs: 0,
      });
      // Null: the server is to be asked.
      expect(admitsAfter((nowMs) => quota.decide(nowMs, 1) === null, 20_000)).toBeLessThanOrEqual(
        5_000 + STEP_MS,
      );
    },
  );

  it("a breaker that opened lets a trial through after its time", () => {
    const breaker = new HystrixBreaker({ openMs: 5_000 });
    breaker.record(NOW_MS - 1_000, "success", "admitted");
    for (let call = 0; call < 40; call += 1) breaker.record(wrongMs, "failure", "admitted");
    expect(breaker.isClosed).toBe(false);
    expect(admitsAfter((nowMs) => breaker.admit(nowMs).kind === "trial", 60_000)).toBeLessThanOrEqual(
      5_000 + STEP_MS,
    );
  });

  it("a throttle lets a probe through each second", () => {
    const breaker = new SreBreaker();
    for (let call = 0; call < 100; call += 1) {
      breaker.admit(wrongMs, 1);
      breaker.record(wrongMs, "failure");
    }
    expect(admitsAfter((nowMs) => breaker.admit(nowMs, 0).kind !== "rejected", 20_000)).toBeLessThanOrEqual(
      1_000 + STEP_MS,
    );
  });

  it("a shared breaker gives a lease in its time, restarted or not, and an isolate that got no word decides alone", () => {
    const report = { reporter: "a", ok: 0, failed: 40, probe: null, version: 0 } as const;
    for (const restarts of [false, true]) {
      const ledger = new SharedBreakerState();
      ledger.report(NOW_MS - 1_000, { ...report, failed: 0 });
      ledger.report(wrongMs, report);
      const again = restarts ? new SharedBreakerState({}, ledger.state) : ledger;
      const asks = { ...report, failed: 0, version: 1 };
      // A clock that went back by less than ten seconds stands still until it has caught up.
      expect(admitsAfter((nowMs) => again.report(nowMs, asks).probeLeaseMs > 0, 60_000)).toBeLessThanOrEqual(
        11_000 + STEP_MS,
      );
    }
    const isolate = new SharedBreaker({ engine: new HystrixBreaker(), reporter: "a", random: () => 0 });
    isolate.takeReport(wrongMs);
    isolate.learn(wrongMs, { state: "open", version: 1, probeLeaseMs: 0 });
    expect(admitsAfter((nowMs) => isolate.admit(nowMs, 0).kind !== "rejected", 60_000)).toBeLessThanOrEqual(
      8_000 + 2 * STEP_MS,
    );
  });

  it("an empty retry budget fills again", () => {
    const budget = new RetryBudget({ retriesPerSecondMin: 1 });
    while (budget.tryWithdraw(wrongMs));
    expect(admitsAfter((nowMs) => budget.tryWithdraw(nowMs), 60_000)).toBeLessThanOrEqual(10_000 + STEP_MS);
  });

  it("a limiter that sheds does so no longer than its cooldown", () => {
    const none = (): void => undefined;
    const pressure = {
      high: true,
      isHigh: () => pressure.high,
      excess: () => 1,
      onStart: none,
      onDone: none,
      onOverloaded: none,
    };
    const limiter = new BbrLimiter({ pressure });
    limiter.view(NOW_MS - 1_000);
    while (limiter.admit(wrongMs, "critical"));
    expect(limiter.view(wrongMs).shedding).toBe(true);
    pressure.high = false;
    expect(admitsAfter((nowMs) => !limiter.view(nowMs).shedding, 60_000)).toBeLessThanOrEqual(
      11_000 + STEP_MS,
    );
  });
});
