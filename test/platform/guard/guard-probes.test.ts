import { describe, expect, it } from "vitest";
import { breakerReporter } from "../../../src/platform/guard/breaker-reporter.ts";
import type { CallPlan } from "../../../src/platform/guard/call-plan.ts";
import { ENDLESS } from "../../../src/platform/call/patience.ts";
import { SharedBreakerState } from "../../../src/resilience/breaker/shared-breaker-state.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker } from "../../../src/resilience/breaker/shared-breaker.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const FAILURES = { reporter: "another", ok: 0, failed: 30, probe: null, version: 0 } as const;

const ASKING = { ...FAILURES, failed: 0, version: 1 } as const;

/** A guard whose breaker is shared with another isolate, and knows that it is open. */
async function openGuard() {
  const clock = new VirtualTime();
  const ledger = new SharedBreakerState();
  const breaker = new SharedBreaker({ engine: new HystrixBreaker(), reporter: "this", random: () => 0 });
  let background: Promise<unknown>[] = [];
  const settle = async (): Promise<void> => {
    await Promise.all(background);
    background = [];
  };
  const afterAttempt = breakerReporter({
    breaker,
    send: async (report) => ledger.report(clock.now(), report),
    background: (work) => void background.push(work),
    onFailure: () => undefined,
    now: clock.now,
  });
  const guard = testGuard({ now: clock.now, breaker, afterAttempt, timeoutMs: 400 });
  const call = async (patience: Partial<CallPlan<string>>): Promise<string> => {
    const plan = {
      kind: "read",
      idempotent: false,
      deadlineAtMs: clock.now() + 30_000,
      ...patience,
    } as const;
    const answer = await guard
      .call("ask", plan, async () => "answer")
      .catch((error: { readonly code: string }) => error.code);
    await settle();
    return answer;
  };
  await call({});
  ledger.report(clock.now(), FAILURES);
  clock.turn(1_000);
  // Another holds the lease that is given in this second.
  ledger.report(clock.now(), ASKING);
  await call({});
  expect(ledger.state.state).toBe("open");
  return { clock, call, ledger };
}

describe("where an upstream is left alone", () => {
  it("a call in the background asks whether it may probe, and does at once: its next one may be minutes away", async () => {
    for (const patience of [{ isBackground: true }, ENDLESS]) {
      const { clock, call, ledger } = await openGuard();
      clock.turn(2_000);
      expect([await call(patience), ledger.state.state]).toEqual(["answer", "closed"]);
    }
  });

  it("a call in the background hears that it is open no longer", async () => {
    const { clock, call, ledger } = await openGuard();
    clock.turn(2_000);
    ledger.report(clock.now(), { ...ASKING, probe: "succeeded" });
    expect(await call({ isBackground: true })).toBe("answer");
  });

  it("a call that somebody waits for is refused at once, and so is one in the background that has no time to wait", async () => {
    for (const patience of [{}, { isBackground: true, deadlineAtMs: 0 }]) {
      const { clock, call, ledger } = await openGuard();
      clock.turn(2_000);
      ledger.report(clock.now(), { ...ASKING, probe: "succeeded" });
      expect(
        await call(
          "deadlineAtMs" in patience ? { ...patience, deadlineAtMs: clock.now() + 1_399 } : patience,
        ),
      ).toBe("CIRCUIT_OPEN");
    }
  });
});
