import type { BreakerEngine, BreakerStateRpc } from "../../contracts/durable.ts";
import type { Breaker } from "../../resilience/breaker/breaker.ts";
import type { Clock } from "../../resilience/clock.ts";
import { HystrixBreaker } from "../../resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker } from "../../resilience/breaker/shared-breaker.ts";
import { SreBreaker } from "../../resilience/breaker/sre-breaker.ts";
import { answerOf } from "../call/rpc.ts";
import { breakerObserver } from "./breaker-observer.ts";
import { breakerReporter } from "./breaker-reporter.ts";
import type { GuardParts } from "./guard.ts";

/** A breaker, and what its guard does after each attempt. */
export type WiredBreaker = Pick<GuardParts, "breaker" | "afterAttempt">;

interface EngineOptions {
  /** Reaches the upstream's shared state; null where an isolate decides alone. */
  readonly state: (() => BreakerStateRpc) | null;
  /** The worker that calls. */
  readonly worker: string;
  /** Names this isolate to the shared state. */
  readonly reporter: string;
  readonly background: (work: Promise<unknown>) => void;
  readonly onFailure: (error: unknown) => void;
  readonly now: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

const alone = (breaker: Breaker): WiredBreaker => ({ breaker, afterAttempt: () => undefined });

const MAKERS: Readonly<Record<BreakerEngine, (options: EngineOptions) => WiredBreaker>> = {
  hystrix({ state, worker, reporter, random, ...deps }) {
    const engine = new HystrixBreaker();
    if (state === null) return alone(engine);
    const breaker = new SharedBreaker({ engine, reporter, random });
    const send = breakerReporter({
      ...deps,
      breaker,
      send: (report) => answerOf(state().report({ ...report, worker })),
    });
    return { breaker, afterAttempt: send };
  },
  sre({ state, worker, reporter, ...deps }) {
    const breaker = new SreBreaker();
    if (state === null) return alone(breaker);
    return breakerObserver({
      ...deps,
      breaker,
      send: (seen) => answerOf(state().observe({ worker, reporter, engine: "sre", ...seen })),
    });
  },
};

/**
 * The breaker of one upstream, by the engine of the given name. Engines don't mix: what one worker
 * sees by its own engine moves nobody's shared state, and none moves its.
 */
export function wiredBreaker(engine: BreakerEngine, options: EngineOptions): WiredBreaker {
  return MAKERS[engine](options);
}
