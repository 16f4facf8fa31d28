import { CallTimeoutError, type CallTimer } from "../../../src/platform/guard/call-timer.ts";
import { Guard } from "../../../src/platform/guard/guard.ts";
import type { MakeGuard } from "../../../src/platform/guard/guard-kit.ts";
import { guardLanes } from "../../../src/platform/guard/guard-lanes.ts";
import type { Breaker } from "../../../src/resilience/breaker/breaker.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { RetryBudget } from "../../../src/resilience/retry/retry-budget.ts";
import { RetryThrottle } from "../../../src/resilience/retry/retry-throttle.ts";
import type { Kernel, SimProcess } from "./kernel.ts";

export type GuardEvent = "guard gave up waiting" | "guard tried again" | "breaker refused a call";

interface SimGuardsOptions {
  readonly kernel: Kernel;
  /** Whose calls they are: when it dies, its timers do. */
  readonly process: SimProcess;
  readonly now: () => number;
  readonly note: (event: GuardEvent) => void;
}

/**
 * Makes the guards of an isolate as `guardKit` does, in simulated time. Each breaker decides alone,
 * as where the shared state is out of reach.
 */
export function simGuards({ kernel, process, now, note }: SimGuardsOptions): MakeGuard {
  const timer: CallTimer = {
    withTimeout: (answer, limitMs) =>
      new Promise((resolve, reject) => {
        const { life } = process;
        const off = kernel.timer(Math.ceil(limitMs), "", () => {
          if (process.life !== life) return;
          note("guard gave up waiting");
          reject(new CallTimeoutError(`no answer within ${limitMs} ms`));
        });
        answer.then(resolve, reject).finally(off);
      }),
  };
  const sleep = (ms: number): Promise<void> => {
    note("guard tried again");
    return kernel.pause(process, Math.ceil(ms));
  };

  return function makeGuard(upstream, { timeoutMs, ...lanes }) {
    const engine = new HystrixBreaker();
    const breaker: Breaker = {
      admit: (nowMs) => {
        const admission = engine.admit(nowMs);
        if (admission.kind === "rejected") note("breaker refused a call");
        return admission;
      },
      record: (nowMs, outcome, admission) => engine.record(nowMs, outcome, admission),
      view: (nowMs) => engine.view(nowMs),
    };
    return new Guard({
      upstream,
      timeoutMs,
      lanes: guardLanes(lanes),
      breaker,
      budget: new RetryBudget(),
      throttle: new RetryThrottle(),
      hedge: null,
      timer,
      faults: null,
      now,
      random: kernel.random,
      sleep,
      keep: () => undefined,
      afterAttempt: () => undefined,
    });
  };
}
