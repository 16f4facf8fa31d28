import { describe, expect, it } from "vitest";
import { CodedError, hintsOf } from "../../../src/contracts/errors.ts";
import { CallTimeoutError } from "../../../src/platform/guard/call-timer.ts";
import { RetryBudget } from "../../../src/resilience/retry/retry-budget.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

/** A guard whose pauses turn the clock, and a call that fails as told. */
function retrying(options: Parameters<typeof testGuard>[0] = {}) {
  const clock = new VirtualTime();
  const pauses: number[] = [];
  const guard = testGuard({
    now: clock.now,
    timeoutMs: 400,
    random: () => 0.999,
    ...options,
    sleep: async (ms) => {
      pauses.push(ms);
      clock.turn(ms);
    },
  });
  const numbers: number[] = [];
  const call = async (
    error: unknown,
    { idempotent = true, leftMs = 1_000, takesMs = 0, succeedsAt = 99 } = {},
  ): Promise<unknown> => {
    const plan = { kind: "read", idempotent, deadlineAtMs: clock.now() + leftMs } as const;
    return guard
      .call("ask", plan, async ({ number }) => {
        numbers.push(number);
        clock.turn(takesMs);
        if (number >= succeedsAt) return "answer";
        throw error;
      })
      .catch((failure: unknown) => failure);
  };
  return { call, clock, numbers, pauses };
}

const DOWN = new CodedError("UNAVAILABLE", "down");

describe("a failed call is tried again", () => {
  it("twice at most, with full jitter from a doubling base", async () => {
    const { call, numbers, pauses } = retrying();
    expect(await call(DOWN)).toMatchObject({ code: "UNAVAILABLE", alreadyRetried: true });
    expect(numbers).toEqual([1, 2, 3]);
    expect(pauses.map(Math.round)).toEqual([25, 50]);
  });

  it("until it succeeds", async () => {
    const { call, numbers } = retrying();
    expect(await call(DOWN, { succeedsAt: 2 })).toBe("answer");
    expect(numbers).toEqual([1, 2]);
  });

  it("after the pause that the upstream asks for, rather than our own", async () => {
    const { call, pauses } = retrying();
    await call(new CodedError("UNAVAILABLE", "later", { retryAfterMs: 200 }), { succeedsAt: 2 });
    expect(pauses).toEqual([200]);
  });
});

// I14
describe("it is not tried again", () => {
  it.each([
    ["if twice is not as good as once", DOWN, { idempotent: false }],
    ["if a layer below has", new CodedError("UNAVAILABLE", "down", { alreadyRetried: true }), {}],
    [
      "if somebody below says that nobody must",
      new CodedError("UNAVAILABLE", "down", { mustNotRetry: true }),
      {},
    ],
    ["if the upstream has too much to do", new CodedError("OVERLOADED", "full"), {}],
    ["if an object says it is overloaded", Object.assign(new Error("busy"), { overloaded: true }), {}],
    ["if the answer is no", new CodedError("NOT_FOUND", "no"), {}],
    ["if the pause and 10 ms are more than is left", DOWN, { leftMs: 30, takesMs: 1 }],
    [
      "if the upstream asks for more time than is left",
      new CodedError("UNAVAILABLE", "later", { retryAfterMs: 2_000 }),
      {},
    ],
  ])("%s", async (_why, error, options) => {
    const { call, numbers, pauses } = retrying();
    await call(error, options);
    expect([numbers, pauses]).toEqual([[1], []]);
  });

  it("if the budget has nothing left", async () => {
    const { call, numbers } = retrying({
      budget: new RetryBudget({ retryRatio: 0, retriesPerSecondMin: 0.1 }),
    });
    await call(DOWN, { succeedsAt: 2 });
    await call(DOWN, { succeedsAt: 2 });
    expect(numbers).toEqual([1, 2, 1]);
  });

  it("while more than half of the throttle's tokens are gone", async () => {
    const { call, numbers } = retrying();
    await call(DOWN);
    await call(DOWN);
    const before = numbers.length;
    await call(DOWN);
    expect([before, numbers.length - before]).toEqual([5, 1]);
  });
});

describe("what a failed call says", () => {
  const failedAs = async (
    plan: { idempotent: boolean; keyed?: boolean; attemptsMax?: number },
    errors: readonly CodedError[],
  ) => {
    const guard = testGuard();
    let tries = 0;
    const error = await guard
      .call("ask", { kind: "write", deadlineAtMs: Date.now() + 1_000, ...plan }, async () => {
        tries += 1;
        throw errors[Math.min(tries, errors.length) - 1] ?? DOWN;
      })
      .catch((failure: unknown) => failure);
    const { alreadyRetried, mustNotRetry, failedBelow } = hintsOf(error);
    return { tries, alreadyRetried, mustNotRetry, failedBelow };
  };

  it("of a write that nobody may repeat: that it was tried once, and that nobody must again", async () => {
    expect(await failedAs({ idempotent: false }, [DOWN])).toEqual({
      tries: 1,
      alreadyRetried: undefined,
      mustNotRetry: true,
      failedBelow: true,
    });
  });

  it("of a write next to its database: that who has its key may ask again, who has not may not", async () => {
    const below = await failedAs({ idempotent: false, keyed: true }, [DOWN]);
    expect(below).toEqual({ tries: 1, alreadyRetried: undefined, mustNotRetry: false, failedBelow: true });
    const lost = new CodedError("UNAVAILABLE", "lost", { mustNotRetry: false, failedBelow: true });
    expect(await failedAs({ idempotent: true, keyed: true, attemptsMax: 2 }, [lost])).toEqual({
      tries: 2,
      alreadyRetried: true,
      mustNotRetry: false,
      failedBelow: true,
    });
    expect(await failedAs({ idempotent: false }, [lost])).toMatchObject({ tries: 1, mustNotRetry: true });
  });

  // I16
  it("of a keyed write: what one try may have done, the refusal of the next does not make final; a refusal alone is", async () => {
    const refused = new CodedError("CIRCUIT_OPEN", "open", { mustNotRetry: true, failedBelow: true });
    const keyed = { idempotent: true, keyed: true };
    expect(await failedAs(keyed, [DOWN, refused])).toMatchObject({ tries: 2, mustNotRetry: false });
    expect(await failedAs(keyed, [refused])).toMatchObject({ tries: 1, mustNotRetry: true });
  });
});

describe("after no answer at all", () => {
  /** The clock turns by what each attempt may take, and nobody answers. */
  const hanging = async (leftMs: number) => {
    const clock = new VirtualTime();
    const timer = {
      withTimeout: (_answer: Promise<unknown>, limitMs: number): Promise<never> => {
        clock.turn(limitMs);
        return Promise.reject(new CallTimeoutError("late"));
      },
    };
    const guard = testGuard({ now: clock.now, timeoutMs: 300, timer });
    const startedAtMs = clock.now();
    const plan = { kind: "read", idempotent: true, deadlineAtMs: startedAtMs + leftMs } as const;
    const error = await guard.call("ask", plan, async () => 1).catch((failure: unknown) => failure);
    return { error, tookMs: clock.now() - startedAtMs };
  };

  it("the caller hears of it in time, rather than after a try that could not have succeeded", async () => {
    expect(await hanging(400)).toMatchObject({
      error: { code: "UNAVAILABLE", alreadyRetried: true },
      tookMs: 300,
    });
    expect(await hanging(500)).toMatchObject({ error: { code: "DEADLINE_EXCEEDED" }, tookMs: 495 });
  });
});

describe("no step starts after the deadline", () => {
  // I13
  it("neither the first nor another", async () => {
    const { call, numbers } = retrying();
    expect(await call(DOWN, { leftMs: 100, takesMs: 95 })).toMatchObject({ code: "UNAVAILABLE" });
    expect(numbers).toEqual([1]);
  });
});
