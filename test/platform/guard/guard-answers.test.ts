import { describe, expect, it } from "vitest";
import type { AnswerFailure } from "../../../src/platform/guard/call-failure.ts";
import type { CallPlan } from "../../../src/platform/guard/call-plan.ts";
import type { Breaker } from "../../../src/resilience/breaker/breaker.ts";
import { HedgePolicy } from "../../../src/resilience/retry/hedge.ts";
import type { OverloadLimiter } from "../../../src/resilience/overload/overload-limiter.ts";
import { RetryBudget } from "../../../src/resilience/retry/retry-budget.ts";
import { RollingPercentile } from "../../../src/resilience/window/rolling-percentile.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

/** An answer that says itself what it amounts to. */
type Answer = AnswerFailure | "good";

const DOWN: Answer = { code: "UNAVAILABLE" };
const FULL: Answer = { code: "OVERLOADED" };
const DOWN_BELOW: Answer = { code: "UNAVAILABLE", failedBelow: true, mustNotRetry: true };

/** A guard whose pauses turn the clock, and calls that are answered with one after the other. */
function answering(options: Parameters<typeof testGuard>[0] = {}) {
  const clock = new VirtualTime();
  const pauses: number[] = [];
  const outcomes: string[] = [];
  const overload = {
    admit: () => true,
    done: (_nowMs: number, _startedAtMs: number, outcome: string) => void outcomes.push(outcome),
  } as unknown as OverloadLimiter;
  const guard = testGuard({
    ...options,
    now: clock.now,
    overload,
    random: () => 0.999,
    sleep: async (ms) => {
      pauses.push(ms);
      clock.turn(ms);
    },
  });
  const call = async (answers: readonly Answer[], more: Partial<CallPlan<Answer>> = {}) => {
    let tries = 0;
    const plan: CallPlan<Answer> = {
      kind: "read",
      idempotent: true,
      deadlineAtMs: clock.now() + 1_000,
      failureOf: (answer) => (answer === "good" ? null : answer),
      ...more,
    };
    const answer = await guard.call("ask", plan, async () => answers[tries++] ?? DOWN);
    return { answer, tries };
  };
  return { call, clock, pauses, outcomes };
}

describe("an answer that is a failure", () => {
  it("is the call's answer, and nothing is thrown for it", async () => {
    const { call } = answering();
    expect(await call([DOWN], { idempotent: false })).toEqual({ answer: DOWN, tries: 1 });
  });

  it("has the call made again as an error would, until one is good or no try is left", async () => {
    const { call } = answering();
    expect(await call([DOWN, "good"])).toEqual({ answer: "good", tries: 2 });
    const last: Answer = { code: "INTERNAL" };
    expect(await call([DOWN, DOWN, last])).toEqual({ answer: last, tries: 3 });
  });

  it.each([
    ["says that nobody must", { ...DOWN, mustNotRetry: true }],
    ["says that somebody below has", { ...DOWN, alreadyRetried: true }],
    ["says that there is too much to do", FULL],
    ["is no for good", { code: "INTERNAL" }],
  ] as const)("has it made once where it %s", async (_why, answer) => {
    const { call, pauses } = answering();
    expect([await call([answer]), pauses]).toEqual([{ answer, tries: 1 }, []]);
  });

  it("is given the pause that it asks for", async () => {
    const { call, pauses } = answering();
    await call([{ ...DOWN, retryAfterMs: 200 }, "good"]);
    expect(pauses).toEqual([200]);
  });

  it("is forgotten where the next try is refused: the call has no answer then", async () => {
    let admissions = 0;
    const breaker = {
      admit: () => ((admissions += 1) === 1 ? { kind: "admitted" } : { kind: "rejected", retryAfterMs: 500 }),
      record: () => undefined,
    } as unknown as Breaker;
    const { call } = answering({ breaker });
    const refused = { code: "CIRCUIT_OPEN", retryAfterMs: 500, mustNotRetry: true };
    await expect(call([DOWN, "good"])).rejects.toMatchObject(refused);
    // I16. By its key it may be asked for again, since the first try may have been done.
    admissions = 0;
    await expect(call([DOWN, "good"], { keyed: true })).rejects.toMatchObject({
      ...refused,
      mustNotRetry: false,
    });
  });
});

describe("of answers that are failures", () => {
  const opens = async (answer: Answer): Promise<boolean> => {
    const { call } = answering();
    for (let number = 0; number < 40; number += 1)
      await call([answer], { idempotent: false }).catch(() => undefined);
    return call(["good"]).then(
      () => false,
      () => true,
    );
  };

  it("the breaker counts those that are the upstream's own fault", async () => {
    expect([await opens(DOWN), await opens({ code: "INTERNAL" })]).toEqual([true, true]);
    expect([await opens("good"), await opens(DOWN_BELOW), await opens(FULL)]).toEqual([false, false, false]);
    expect(await opens({ code: "NOT_FOUND" })).toBe(false);
  });

  it("overload protection hears what they say of the upstream's load, once a call", async () => {
    const { call, outcomes } = answering();
    await call(["good"]);
    await call([DOWN_BELOW]);
    await call([FULL]);
    await call([{ ...FULL, failedBelow: true }]);
    await call([DOWN, "good"]);
    expect(outcomes).toEqual(["success", "failure", "overloaded", "overloaded", "success"]);
  });

  it("the throttle counts those that the breaker does: then nothing is tried again", async () => {
    const { call } = answering();
    for (let number = 0; number < 6; number += 1) await call([DOWN], { idempotent: false });
    expect((await call([DOWN, "good"])).tries).toBe(1);
    const { call: below } = answering();
    for (let number = 0; number < 6; number += 1) await below([DOWN_BELOW]);
    expect((await below([DOWN, "good"])).tries).toBe(2);
  });
});

describe("of a call and the one beside it", () => {
  /** A guard that hedges at once, and a call whose first answer comes last. */
  const hedgedCall = async (first: Answer, second: Answer) => {
    const budget = new RetryBudget();
    const hedge = new HedgePolicy({ latencies: new RollingPercentile(), budget, samplesMin: 1 });
    const guard = testGuard({ hedge });
    const plan: CallPlan<Answer> = {
      kind: "read",
      idempotent: true,
      attemptsMax: 1,
      deadlineAtMs: Date.now() + 1_000,
      failureOf: (answer) => (answer === "good" ? null : answer),
    };
    await guard.call("ask", plan, async () => "good" as const);
    const late = Promise.withResolvers<Answer>();
    let calls = 0;
    return guard.call("ask", plan, async () => {
      calls += 1;
      if (calls === 1) return late.promise;
      setTimeout(() => late.resolve(first), 0);
      return second;
    });
  };

  it("a good answer wins over a failure that came first", async () => {
    expect(await hedgedCall("good", DOWN)).toBe("good");
    expect(await hedgedCall(DOWN, "good")).toBe("good");
  });

  it("the first one's failure is the answer where both fail", async () => {
    expect(await hedgedCall(DOWN_BELOW, FULL)).toEqual(DOWN_BELOW);
  });
});
