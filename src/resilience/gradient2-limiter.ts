import { ConcurrencyLimit, type ConcurrencyLimitOptions, type LimitRule } from "./concurrency-limit.ts";

interface Gradient2Options extends ConcurrencyLimitOptions {
  /** How much slower than usual work may be before the limit shrinks. */
  readonly tolerance?: number;
}

const LONG_WINDOW = 600;
const SMOOTHING = 0.2;
/** A long average that is this much above the present has not noticed that the upstream recovered. */
const STALE_FACTOR = 2;
const STALE_DECAY = 0.95;

/**
 * Follows the gradient between the usual and the present response time, with room for a queue of the root of the limit. Source: Netflix
 * concurrency-limits, Gradient2Limit; Envoy's gradient controller.
 */
export class Gradient2Limiter extends ConcurrencyLimit {
  constructor({ tolerance = 1.5, ...options }: Gradient2Options = {}) {
    if (!(tolerance >= 1 && tolerance <= 10)) throw new RangeError(`tolerance must be in [1, 10], got ${tolerance}`);
    super(gradientRule(tolerance), options);
  }
}

function gradientRule(tolerance: number): LimitRule {
  let longRtMs = 0;
  let samples = 0;
  return function nextLimit({ limit, rtMs, inFlight, outcome }) {
    if (outcome === "failure" || rtMs <= 0) return limit;
    samples = Math.min(LONG_WINDOW, samples + 1);
    longRtMs += (rtMs - longRtMs) / samples;
    if (longRtMs / rtMs > STALE_FACTOR) longRtMs *= STALE_DECAY;
    if (outcome === "success" && inFlight * 2 < limit) return limit;
    const gradient = outcome === "overloaded" ? 0.5 : Math.max(0.5, Math.min(1, (tolerance * longRtMs) / rtMs));
    const target = limit * gradient + (outcome === "overloaded" ? 0 : Math.sqrt(limit));
    return limit * (1 - SMOOTHING) + target * SMOOTHING;
  };
}
