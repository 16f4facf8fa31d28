import { describe, expect, it } from "vitest";
import { hedged, HedgePolicy } from "../../../src/resilience/retry/hedge.ts";
import { RetryBudget } from "../../../src/resilience/retry/retry-budget.ts";
import { RollingPercentile } from "../../../src/resilience/window/rolling-percentile.ts";

const T0 = 1_800_000_000_000;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type PolicyOptions = Partial<ConstructorParameters<typeof HedgePolicy>[0]>;

function policy(options: PolicyOptions = {}): HedgePolicy {
  return new HedgePolicy({ latencies: new RollingPercentile(), budget: new RetryBudget(), ...options });
}

function observe(hedge: HedgePolicy, nowMs: number, calls: number): void {
  for (let call = 1; call <= calls; call += 1) hedge.observe(nowMs, call, 0);
}

describe("a hedge policy", () => {
  it("hedges nothing before it has seen twenty calls", () => {
    const hedge = policy();
    observe(hedge, T0, 19);
    expect(hedge.delayMs(T0)).toBeNull();
    observe(hedge, T0, 1);
    expect(hedge.delayMs(T0)).not.toBeNull();
  });

  it("waits for what 95 of 100 calls take, or for another percentile", () => {
    const usual = policy();
    observe(usual, T0, 100);
    expect(usual.delayMs(T0)).toBeCloseTo(95.05, 9);
    const eager = policy({ percentile: 60, samplesMin: 1 });
    observe(eager, T0, 11);
    expect(eager.delayMs(T0)).toBeCloseTo(7, 9);
  });

  it("hedges nothing after a quiet minute: one call of now tells nothing about a hundred", () => {
    const hedge = policy();
    observe(hedge, T0, 100);
    observe(hedge, T0 + 60_000, 19);
    expect(hedge.delayMs(T0 + 60_000)).toBeNull();
    observe(hedge, T0 + 60_000, 1);
    expect(hedge.delayMs(T0 + 60_000)).not.toBeNull();
  });

  it("charges each second call to the retry budget", () => {
    const budget = new RetryBudget({ retriesPerSecondMin: 0.1 });
    const hedge = policy({ budget });
    expect([hedge.mayHedge(T0), hedge.mayHedge(T0)]).toEqual([true, false]);
    expect(budget.tryWithdraw(T0)).toBe(false);
  });

  it("refuses options out of range, and takes those at their edges", () => {
    const make = (options: PolicyOptions) => () => policy(options);
    expect(make({ percentile: 50 })).toThrow(new RangeError("percentile must be in (50, 100), got 50"));
    expect(make({ percentile: 100 })).toThrow(new RangeError("percentile must be in (50, 100), got 100"));
    expect(make({ samplesMin: 0 })).toThrow(
      new RangeError("samplesMin must be an integer in [1, 600], got 0"),
    );
    expect(make({ samplesMin: 601 })).toThrow(
      new RangeError("samplesMin must be an integer in [1, 600], got 601"),
    );
    expect(make({ percentile: 50.1, samplesMin: 1 })).not.toThrow();
    expect(make({ percentile: 99.9, samplesMin: 600 })).not.toThrow();
  });
});

/** A hedged call whose every step the test takes itself. */
function stage({
  delayMs = 30,
  mayHedge = true,
}: { readonly delayMs?: number | null; readonly mayHedge?: boolean } = {}) {
  const calls: {
    readonly signal: AbortSignal;
    readonly answer: (value: string) => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  const slept: number[] = [];
  const sleep = Promise.withResolvers<void>();
  let asked = 0;
  const result = hedged<string>(
    (signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      calls.push({ signal, answer: resolve, fail: reject });
      return promise;
    },
    {
      delayMs,
      sleep: (ms) => (slept.push(ms), sleep.promise),
      mayHedge: () => ((asked += 1), mayHedge),
    },
  );
  // Watched at once, as a failure may come before the test looks.
  result.catch(() => undefined);
  const call = (index: number) => {
    const made = calls[index];
    if (made === undefined) throw new Error(`call ${index} was not made`);
    return made;
  };
  return { result, calls, call, slept, wakeUp: sleep.resolve, cutOff: sleep.reject, asked: () => asked };
}

describe("a hedged call", () => {
  it("stays alone where it is fast, and asks nobody", async () => {
    const { result, call, calls, wakeUp, slept, asked } = stage();
    call(0).answer("first");
    await expect(result).resolves.toBe("first");
    wakeUp();
    await settled();
    expect(calls).toHaveLength(1);
    expect(slept).toEqual([30]);
    expect(asked()).toBe(0);
  });

  it("stays alone where nobody knows what late is", async () => {
    const { result, call, calls, slept } = stage({ delayMs: null });
    await settled();
    call(0).answer("first");
    await expect(result).resolves.toBe("first");
    expect(calls).toHaveLength(1);
    expect(slept).toEqual([]);
  });

  it("stays alone, late as it is, where the budget is empty", async () => {
    const { result, call, calls, wakeUp, asked } = stage({ mayHedge: false });
    wakeUp();
    await settled();
    expect(asked()).toBe(1);
    expect(calls).toHaveLength(1);
    call(0).answer("first");
    await expect(result).resolves.toBe("first");
  });

  it("stays alone where the sleep is cut off", async () => {
    const { result, call, calls, cutOff } = stage();
    cutOff(new Error("no time"));
    await settled();
    expect(calls).toHaveLength(1);
    call(0).answer("first");
    await expect(result).resolves.toBe("first");
  });

  it("gets a second one when it is late, and the one that answers first wins; only the loser's signal fires", async () => {
    for (const [winner, loser] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const { result, call, wakeUp } = stage();
      wakeUp();
      await settled();
      expect([call(0).signal.aborted, call(1).signal.aborted]).toEqual([false, false]);
      call(winner).answer(`answer ${winner}`);
      await expect(result).resolves.toBe(`answer ${winner}`);
      expect(call(loser).signal.reason).toEqual(new Error("the other call was faster"));
      call(loser).answer("too late");
      await settled();
      expect(call(winner).signal.aborted).toBe(false);
    }
  });

  it("has one winner even if both answer at the same moment", async () => {
    const { result, call, wakeUp } = stage();
    wakeUp();
    await settled();
    call(0).answer("first");
    call(1).answer("second");
    await expect(result).resolves.toBe("first");
    await settled();
    expect([call(0).signal.aborted, call(1).signal.aborted]).toEqual([false, true]);
  });

  it("fails at once where it fails before it is late: trying again is not its affair", async () => {
    const { result, call, calls, wakeUp, asked } = stage();
    const failure = new Error("refused");
    call(0).fail(failure);
    await expect(result).rejects.toBe(failure);
    wakeUp();
    await settled();
    expect(calls).toHaveLength(1);
    expect(asked()).toBe(0);
  });

  it("waits for the other one where one of two fails", async () => {
    for (const [failing, answering] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const { result, call, wakeUp } = stage();
      wakeUp();
      await settled();
      call(failing).fail(new Error("refused"));
      await settled();
      call(answering).answer("the other");
      await expect(result).resolves.toBe("the other");
      expect(call(answering).signal.aborted).toBe(false);
    }
  });

  it("fails with the first one's error where both fail, whichever fails first", async () => {
    const { result, call, wakeUp } = stage();
    const failure = new Error("the first one's");
    wakeUp();
    await settled();
    call(1).fail(new Error("the second one's"));
    call(0).fail(failure);
    await expect(result).rejects.toBe(failure);
  });

  it("fails like any other where the call throws instead of returning a promise", async () => {
    const failure = new Error("thrown");
    const throwing = (): Promise<string> => {
      throw failure;
    };
    const deps = { delayMs: 1, sleep: () => Promise.resolve(), mayHedge: () => true };
    await expect(hedged(throwing, deps)).rejects.toBe(failure);
    let calls = 0;
    const first = Promise.withResolvers<string>();
    const secondThrows = (): Promise<string> => ((calls += 1), calls === 1 ? first.promise : throwing());
    const result = hedged(secondThrows, deps);
    await settled();
    expect(calls).toBe(2);
    first.resolve("first");
    await expect(result).resolves.toBe("first");
  });
});
