import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  handleAll,
  SamplingBreaker,
} from "cockatiel";
import Opossum from "opossum";
import type { Breaker, BreakerOutcome } from "../../src/resilience/breaker/breaker.ts";
import { HystrixBreaker } from "../../src/resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker } from "../../src/resilience/breaker/shared-breaker.ts";

/**
 * All of them conclude from the last 10 s, from 20 calls on, of which half have failed, and stay
 * open long enough to be measured.
 */
const WINDOW_MS = 10_000;
const CALLS_MIN = 20;
const FAILURE_RATIO = 0.5;
const OPEN_MS = 3_600_000;

export type Work = () => Promise<number>;

/** A breaker around a function, as a promise. */
export interface Guarded {
  readonly call: Work;
  readonly close?: () => void;
}

export function hystrix(): HystrixBreaker {
  return new HystrixBreaker({
    windowMs: WINDOW_MS,
    buckets: 10,
    callsMin: CALLS_MIN,
    failureRatio: FAILURE_RATIO,
    openMs: OPEN_MS,
    openMsMax: OPEN_MS,
  });
}

/**
 * An isolate's part of a shared breaker, with a shared state beside it that answers each report at
 * once.
 */
export class InformedBreaker implements Breaker {
  readonly #shared = new SharedBreaker({ engine: hystrix(), reporter: "bench", random: Math.random });
  readonly #state: "closed" | "open";

  constructor(state: "closed" | "open") {
    this.#state = state;
    this.#shared.learn(Date.now(), { state, version: 1, probeLeaseMs: 0 });
  }

  admit(nowMs: number, random: number): ReturnType<Breaker["admit"]> {
    const admission = this.#shared.admit(nowMs, random);
    if (admission.kind === "rejected") this.#exchange(nowMs);
    return admission;
  }

  record(nowMs: number, outcome: BreakerOutcome, admission: "admitted" | "trial"): void {
    this.#shared.record(nowMs, outcome, admission);
    this.#exchange(nowMs);
  }

  view(nowMs: number): ReturnType<Breaker["view"]> {
    return this.#shared.view(nowMs);
  }

  /** After each call, as whoever owns such a breaker does it. */
  #exchange(nowMs: number): void {
    if (this.#shared.takeReport(nowMs) !== null)
      this.#shared.learn(nowMs, { state: this.#state, version: 1, probeLeaseMs: 0 });
  }
}

/**
 * Our breakers decide and leave the calling to their owner: this is what a guard does around a
 * call, and no more.
 */
export function ours(breaker: Breaker, work: Work): Guarded {
  return {
    call: async () => {
      const admission = breaker.admit(Date.now(), Math.random());
      if (admission.kind === "rejected") throw new Error("circuit open");
      let outcome: BreakerOutcome = "failure";
      try {
        const answer = await work();
        outcome = "success";
        return answer;
      } finally {
        breaker.record(Date.now(), outcome, admission.kind);
      }
    },
  };
}

export function samplingBreaker(): SamplingBreaker {
  return new SamplingBreaker({
    threshold: FAILURE_RATIO,
    duration: WINDOW_MS,
    minimumRps: (CALLS_MIN * 1_000) / WINDOW_MS,
  });
}

export function cockatielPolicy(): CircuitBreakerPolicy {
  return circuitBreaker(handleAll, { halfOpenAfter: OPEN_MS, breaker: samplingBreaker() });
}

export function cockatiel(work: Work): Guarded {
  const policy = cockatielPolicy();
  return { call: () => policy.execute(work) };
}

/** It cannot be opened by hand but for `isolate`, whose answer is another one. */
export async function openCockatiel(): Promise<Guarded> {
  const policy = circuitBreaker(handleAll, { halfOpenAfter: OPEN_MS, breaker: new ConsecutiveBreaker(1) });
  await policy.execute(() => Promise.reject(new Error("unavailable"))).catch(() => null);
  return { call: () => policy.execute(() => Promise.resolve(1)) };
}

const OPOSSUM = {
  rollingCountTimeout: WINDOW_MS,
  rollingCountBuckets: 10,
  volumeThreshold: CALLS_MIN,
  errorThresholdPercentage: FAILURE_RATIO * 100,
  resetTimeout: OPEN_MS,
};

/**
 * `lean`: without what it does beside breaking the circuit, and what the others here don't: time
 * limit, percentiles, snapshots.
 */
export function opossum(
  work: Work,
  kind: "defaults" | "lean",
): Guarded & { readonly breaker: Opossum<[], number> } {
  const lean = { timeout: false, rollingPercentilesEnabled: false, enableSnapshots: false } as const;
  const breaker = new Opossum<[], number>(work, kind === "lean" ? { ...OPOSSUM, ...lean } : { ...OPOSSUM });
  return { call: () => breaker.fire(), close: () => breaker.shutdown(), breaker };
}
