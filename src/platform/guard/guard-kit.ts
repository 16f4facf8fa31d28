import {
  FAULT_TARGETS,
  isSharedUpstream,
  type BreakerEngine,
  type BreakerStateRpc,
  type FaultTarget,
} from "../../contracts/durable.ts";
import type { Clock } from "../../resilience/clock.ts";
import { HedgePolicy } from "../../resilience/retry/hedge.ts";
import { PartedBreaker } from "../../resilience/breaker/parted-breaker.ts";
import { RetryBudget } from "../../resilience/retry/retry-budget.ts";
import { RetryThrottle } from "../../resilience/retry/retry-throttle.ts";
import { RollingPercentile } from "../../resilience/window/rolling-percentile.ts";
import { wiredBreaker, type WiredBreaker } from "./breaker-engines.ts";
import type { CallTimer } from "./call-timer.ts";
import type { FaultBoard } from "./fault-board.ts";
import { faultInjector, type FaultInjector } from "./faults.ts";
import { Guard } from "./guard.ts";
import { guardLanes, type LaneOptions } from "./guard-lanes.ts";
import { objectsOf, type ObjectNamespace } from "../objects.ts";
import { sleep } from "../sleep.ts";

/** What a worker gives for all of its guards. */
export interface GuardKitDeps {
  /** The worker's name. */
  readonly worker: string;
  /** Shared breaker state; null where an isolate decides alone. */
  readonly breakerStates: ObjectNamespace | null;
  /** Where faults are looked up; null unless the var `FAULTS` is on. */
  readonly faults: FaultBoard | null;
  /**
   * Which engine guards an upstream, by the upstream's name for whoever calls it, or by
   * `worker/upstream=engine` for one caller alone; `hystrix`, with shared state, where it is not
   * named.
   */
  readonly engines: Readonly<Record<string, BreakerEngine>>;
  /** Upstreams whose slowest reads get a second call beside them. */
  readonly hedgedUpstreams: readonly string[];
  readonly timer: CallTimer;
  /** Takes work that no answer waits for, and work that must go on where nobody waits any more. */
  readonly background: (work: Promise<unknown>) => void;
  readonly onReportFailure: (upstream: string, error: unknown) => void;
}

/** What one upstream needs. */
export interface UpstreamOptions extends LaneOptions {
  /** What one attempt may take, in ms: 50 for a cache, 300 for a database, 400 for an RPC. */
  readonly timeoutMs: number;
  /**
   * Whether it is many things that fail apart, such as the objects of clients: each call says by
   * its `part` which it goes to. False if absent.
   */
  readonly failsApart?: boolean;
  /** Whose injected faults it feels, where it has another name for what it calls. */
  readonly faultsOf?: FaultTarget;
  /** How its late calls are given up; as those of the worker's other upstreams if absent. */
  readonly timer?: CallTimer;
}

export type MakeGuard = (upstream: string, options: UpstreamOptions) => Guard;

const now: Clock = Date.now;
const random = Math.random;

/** Makes the guards of a worker. Each upstream has one for the life of the isolate. */
export function guardKit(deps: GuardKitDeps): MakeGuard {
  const reporter = crypto.randomUUID();
  const states = deps.breakerStates === null ? null : objectsOf<BreakerStateRpc>(deps.breakerStates);

  return function makeGuard(
    upstream,
    { timeoutMs, failsApart = false, faultsOf, timer = deps.timer, ...lanes },
  ) {
    const { breaker: whole, afterAttempt } = breakerFor(upstream);
    const breaker = failsApart ? new PartedBreaker({ whole }) : whole;
    const budget = new RetryBudget();
    return new Guard({
      upstream,
      timeoutMs,
      lanes: guardLanes(lanes),
      breaker,
      afterAttempt,
      budget,
      hedge: deps.hedgedUpstreams.includes(upstream)
        ? new HedgePolicy({ latencies: new RollingPercentile(), budget })
        : null,
      throttle: new RetryThrottle(),
      timer,
      faults: faultsFor(faultsOf ?? upstream),
      now,
      random,
      sleep,
      keep: deps.background,
    });
  };

  function breakerFor(upstream: string): WiredBreaker {
    const { engines, worker, background } = deps;
    return wiredBreaker(engines[`${worker}/${upstream}`] ?? engines[upstream] ?? "hystrix", {
      state: states === null || !isSharedUpstream(upstream) ? null : () => states(upstream),
      worker,
      reporter,
      background,
      onFailure: (error) => deps.onReportFailure(upstream, error),
      now,
      random: Math.random,
    });
  }

  function faultsFor(upstream: string): FaultInjector | null {
    if (deps.faults === null || !isFaultTarget(upstream)) return null;
    return faultInjector({ ...deps.faults, target: upstream, random, sleep });
  }
}

function isFaultTarget(upstream: string): upstream is FaultTarget {
  return (FAULT_TARGETS as readonly string[]).includes(upstream);
}
