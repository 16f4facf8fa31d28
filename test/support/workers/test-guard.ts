import { requestTimer, type CallTimer } from "../../../src/platform/guard/call-timer.ts";
import type { FaultInjector } from "../../../src/platform/guard/faults.ts";
import { Guard } from "../../../src/platform/guard/guard.ts";
import { guardLanes } from "../../../src/platform/guard/guard-lanes.ts";
import type { Breaker } from "../../../src/resilience/breaker/breaker.ts";
import type { Clock } from "../../../src/resilience/clock.ts";
import type { HedgePolicy } from "../../../src/resilience/retry/hedge.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import type { OverloadLimiter } from "../../../src/resilience/overload/overload-limiter.ts";
import { RetryBudget } from "../../../src/resilience/retry/retry-budget.ts";
import { RetryThrottle } from "../../../src/resilience/retry/retry-throttle.ts";

interface TestGuardOptions {
  readonly now?: Clock;
  readonly upstream?: string;
  readonly timeoutMs?: number;
  readonly maxConcurrent?: number;
  readonly maxConcurrentDear?: number;
  readonly breaker?: Breaker;
  readonly overload?: OverloadLimiter;
  readonly budget?: RetryBudget;
  readonly hedge?: HedgePolicy;
  readonly faults?: FaultInjector;
  readonly timer?: CallTimer;
  readonly random?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
  readonly keep?: (work: Promise<unknown>) => void;
  readonly afterAttempt?: () => Promise<void> | undefined;
}

/** A guard with real parts, a clock that a test may turn, and pauses that take no time. */
export function testGuard(options: TestGuardOptions = {}): Guard {
  const {
    now = Date.now,
    upstream = "upstream",
    timeoutMs = 5_000,
    maxConcurrent = 1_000,
    maxConcurrentDear,
    overload,
  } = options;
  return new Guard({
    upstream,
    timeoutMs,
    lanes: guardLanes({
      maxConcurrent,
      ...(maxConcurrentDear === undefined ? {} : { maxConcurrentDear }),
      ...(overload === undefined ? {} : { overload: () => overload }),
    }),
    breaker: options.breaker ?? new HystrixBreaker(),
    budget: options.budget ?? new RetryBudget(),
    throttle: new RetryThrottle(),
    hedge: options.hedge ?? null,
    timer: options.timer ?? requestTimer,
    faults: options.faults ?? null,
    now,
    random: options.random ?? (() => 0),
    sleep: options.sleep ?? (async () => undefined),
    keep: options.keep ?? (() => undefined),
    afterAttempt: options.afterAttempt ?? (() => undefined),
  });
}
