import { ConcurrencyLimit, type ConcurrencyLimitOptions, type LimitRule } from "./concurrency-limit.ts";

/** After this many samples per place of the limit the best response time is measured anew: an upstream may have become slower for good. */
const PROBE_MULTIPLIER = 30;
const ALPHA = 3;
const BETA = 6;

/**
 * Estimates the queue from how much slower work is than at its best, and keeps it between three and six times log10(limit), as TCP Vegas does. Source:
 * Netflix concurrency-limits, VegasLimit; Brakmo and Peterson, "TCP Vegas" (1995).
 */
export class VegasLimiter extends ConcurrencyLimit {
  constructor(options: ConcurrencyLimitOptions = {}) {
    super(vegasRule(), options);
  }
}

function vegasRule(): LimitRule {
  let bestRtMs = Number.POSITIVE_INFINITY;
  let samples = 0;
  return function nextLimit({ limit, rtMs, inFlight, outcome }) {
    const step = Math.max(1, Math.log10(limit));
    if (outcome === "overloaded") return limit - step;
    if (outcome === "failure" || rtMs <= 0) return limit;
    samples += 1;
    if (samples >= PROBE_MULTIPLIER * limit) {
      samples = 0;
      bestRtMs = rtMs;
      return limit;
    }
    bestRtMs = Math.min(bestRtMs, rtMs);
    if (inFlight * 2 < limit) return limit;
    const queue = Math.ceil(limit * (1 - bestRtMs / rtMs));
    if (queue <= step) return limit + BETA * step;
    if (queue < ALPHA * step) return limit + step;
    return queue > BETA * step ? limit - step : limit;
  };
}
