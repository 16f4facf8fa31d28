import type { BreakerStateRpc, FaultBoardRpc, FaultTarget } from "../contracts/durable.ts";
import {
  FAULT_BOARD_NAME,
  FAULT_TARGETS,
  SHARED_UPSTREAMS,
  type SharedUpstream,
} from "../contracts/durable.ts";
import type { Breaker } from "../resilience/breaker.ts";
import { Bulkhead } from "../resilience/bulkhead.ts";
import type { Clock } from "../resilience/clock.ts";
import { HedgePolicy } from "../resilience/hedge.ts";
import { HystrixBreaker } from "../resilience/hystrix-breaker.ts";
import type { OverloadLimiter } from "../resilience/overload-limiter.ts";
import { PartedBreaker } from "../resilience/parted-breaker.ts";
import { RetryBudget } from "../resilience/retry-budget.ts";
import { RetryThrottle } from "../resilience/retry-throttle.ts";
import { RollingPercentile } from "../resilience/rolling-percentile.ts";
import { SharedBreaker } from "../resilience/shared-breaker.ts";
import { SreBreaker } from "../resilience/sre-breaker.ts";
import { breakerReporter } from "./breaker-reporter.ts";
import type { CallTimer } from "./call-timer.ts";
import { faultInjector, type FaultInjector } from "./faults.ts";
import { Guard, type CallKind, type GuardParts } from "./guard.ts";
import { objectsOf, type ObjectNamespace } from "./objects.ts";
import { sleep } from "./sleep.ts";

export type BreakerEngine = "sre" | "hystrix";

/** What a worker gives for all of its guards. */
export interface GuardKitDeps {
  /** Shared breaker state; null where an isolate decides alone. */
  readonly breakerStates: ObjectNamespace | null;
  /** Where faults are looked up; null unless the var `FAULTS` is on. */
  readonly faults: { readonly board: ObjectNamespace; readonly bootId: string } | null;
  /** Which engine guards an upstream; `hystrix`, with shared state, where it is not named. */
  readonly engines: Readonly<Record<string, BreakerEngine>>;
  /** Upstreams whose slowest reads get a second call beside them. */
  readonly hedgedUpstreams: readonly string[];
  readonly timer: CallTimer;
  /** Takes work that no answer waits for, and work that must go on where nobody waits any more. */
  readonly background: (work: Promise<unknown>) => void;
  readonly onReportFailure: (upstream: string, error: unknown) => void;
}

/** What one upstream needs. */
export interface UpstreamOptions {
  /** What one attempt may take, in ms: 50 for a cache, 300 for a database, 400 for an RPC. */
  readonly quotaMs: number;
  /** Calls under way at once, in this isolate. */
  readonly readsMax: number;
  readonly writesMax: number;
  /**
   * The same of dear calls, which then have places of their own and no overload protection but that
   * of whoever does the work. Among the others if absent.
   */
  readonly dearMax?: number;
  /**
   * Whether it is many things that fail apart, such as the objects of clients: each call says by
   * its `part` which it goes to. False if absent.
   */
  readonly failsApart?: boolean;
  /** Overload protection for each kind of call; none if absent. */
  readonly overload?: (kind: CallKind) => OverloadLimiter;
  /** Whose injected faults it feels, where it has another name for what it calls. */
  readonly faultsOf?: FaultTarget;
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
    { quotaMs, readsMax, writesMax, dearMax, failsApart = false, overload, faultsOf },
  ) {
    const { breaker: whole, afterAttempt } = breakerFor(upstream);
    const breaker = failsApart ? new PartedBreaker({ whole }) : whole;
    const budget = new RetryBudget();
    return new Guard({
      upstream,
      quotaMs,
      lanes: {
        read: { bulkhead: new Bulkhead({ placesMax: readsMax }), overload: overload?.("read") ?? null },
        write: { bulkhead: new Bulkhead({ placesMax: writesMax }), overload: overload?.("write") ?? null },
        ...(dearMax === undefined
          ? {}
          : { dear: { bulkhead: new Bulkhead({ placesMax: dearMax }), overload: null } }),
      },
      breaker,
      afterAttempt,
      budget,
      hedge: deps.hedgedUpstreams.includes(upstream)
        ? new HedgePolicy({ latencies: new RollingPercentile(), budget })
        : null,
      throttle: new RetryThrottle(),
      timer: deps.timer,
      faults: faultsFor(faultsOf ?? upstream),
      now,
      random,
      sleep,
      keep: deps.background,
    });
  };

  function breakerFor(upstream: string): {
    readonly breaker: Breaker;
    readonly afterAttempt: GuardParts["afterAttempt"];
  } {
    const alone = (): undefined => undefined;
    if (deps.engines[upstream] === "sre") return { breaker: new SreBreaker(), afterAttempt: alone };
    const engine = new HystrixBreaker();
    if (states === null || !isShared(upstream)) return { breaker: engine, afterAttempt: alone };
    const breaker = new SharedBreaker({ engine, reporter });
    const afterAttempt = breakerReporter({
      breaker,
      send: (report) => states(upstream).report(report),
      background: deps.background,
      onFailure: (error) => deps.onReportFailure(upstream, error),
      now,
    });
    return { breaker, afterAttempt };
  }

  function faultsFor(upstream: string): FaultInjector | null {
    if (deps.faults === null || !isFaultTarget(upstream)) return null;
    const { board, bootId } = deps.faults;
    const boards = objectsOf<FaultBoardRpc>(board);
    return faultInjector({
      board: { faultOf: (boot, target) => boards(FAULT_BOARD_NAME).faultOf(boot, target) },
      bootId,
      target: upstream,
      random,
      sleep,
    });
  }
}

function isShared(upstream: string): upstream is SharedUpstream {
  return (SHARED_UPSTREAMS as readonly string[]).includes(upstream);
}

function isFaultTarget(upstream: string): upstream is FaultTarget {
  return (FAULT_TARGETS as readonly string[]).includes(upstream);
}
