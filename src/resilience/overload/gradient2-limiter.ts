import { ConcurrencyLimit, type ConcurrencyLimitOptions, type LimitRule } from "./concurrency-limit.ts";
import { requireNumberIn } from "../require-number-in.ts";

interface Gradient2Options extends ConcurrencyLimitOptions {
  /** How much slower than usual work may be before the limit shrinks, in [1, 10]; 1.5 if absent. */
  readonly tolerance?: number;
}

const TOLERANCE_MAX = 10;
const LONG_WINDOW = 600;
const SMOOTHING = 0.2;
const GRADIENT_MIN = 0.5;
/** What is left of the limit where the upstream says that it is overloaded. */
const TOLD_RATIO = 0.9;
/**
 * A long average that is this much above the present has not noticed that the upstream recovered.
 */
const STALE_FACTOR = 2;
const STALE_DECAY = 0.95;

/**
 * Follows the gradient between the usual and the present response time, with room for a queue of
 * the root of the limit. Source: Netflix concurrency-limits, Gradient2Limit; Envoy's gradient
 * controller.
 *
 * @throws RangeError for an option out of range
 */
export class Gradient2Limiter extends ConcurrencyLimit {
  constructor({ tolerance = 1.5, ...options }: Gradient2Options = {}) {
    requireNumberIn("tolerance", tolerance, 1, TOLERANCE_MAX);
    super(gradientRule(tolerance), options);
  }
}

function gradientRule(tolerance: number): LimitRule {
  let longRtMs = 0;
  let samples = 0;
  return function nextLimit({ limit, rtMs, inFlight, outcome }) {
    if (outcome === "overloaded") return limit * TOLD_RATIO;
    // A failure after a long wait shows pressure as well as a success does; a quick one shows
    // nothing.
    if (rtMs <= 0 || (outcome === "failure" && rtMs <= longRtMs)) return limit;
    samples = Math.min(LONG_WINDOW, samples + 1);
    longRtMs += (rtMs - longRtMs) / samples;
    if (longRtMs / rtMs > STALE_FACTOR) longRtMs *= STALE_DECAY;
    // A limit that isn't used says nothing about another one.
    if (inFlight * 2 < limit) return limit;
    const gradient = Math.max(GRADIENT_MIN, Math.min(1, (tolerance * longRtMs) / rtMs));
    const target = limit * gradient + Math.sqrt(limit);
    const next = limit * (1 - SMOOTHING) + target * SMOOTHING;
    return outcome === "failure" ? Math.min(limit, next) : next;
  };
}
