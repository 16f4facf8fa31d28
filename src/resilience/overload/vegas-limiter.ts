import { ConcurrencyLimit, type ConcurrencyLimitOptions, type LimitRule } from "./concurrency-limit.ts";

/**
 * After so many rounds only the best of them counts on: an upstream may have become slower for
 * good.
 */
const PROBE_ROUNDS = 30;
const ALPHA = 3;
const BETA = 6;

/**
 * Estimates the queue from how much slower work is than at its best, and keeps it between three and
 * six times log10(limit), as TCP Vegas does. Source: Netflix concurrency-limits, VegasLimit; Brakmo
 * and Peterson, "TCP Vegas" (1995). Netflix looks at each response time and takes any one for the
 * best now and then. Here a round of as many as the limit lets out at once is averaged first, as
 * TCP decides once a round trip: among single ones of uneven work the best is always far below the
 * usual, which would look like a queue.
 *
 * @throws RangeError for an option out of range
 */
export class VegasLimiter extends ConcurrencyLimit {
  constructor(options: ConcurrencyLimitOptions = {}) {
    super(vegasRule(), options);
  }
}

function vegasRule(): LimitRule {
  const best = bestOfRounds();
  let samples = 0;
  let rtSumMs = 0;
  let inFlightMax = 0;
  return function nextLimit({ limit, rtMs, inFlight, outcome }) {
    const step = Math.max(1, Math.log10(limit));
    if (outcome === "overloaded") return limit - step;
    // A failure after a long wait shows a queue as well as a success does; a quick one shows
    // nothing.
    if (rtMs <= 0 || (outcome === "failure" && rtMs <= best.rtMs)) return limit;
    samples += 1;
    rtSumMs += rtMs;
    inFlightMax = Math.max(inFlightMax, inFlight);
    if (samples < limit) return limit;
    const meanRtMs = rtSumMs / samples;
    best.add(meanRtMs);
    const queue = Math.ceil(limit * (1 - best.rtMs / meanRtMs));
    // A limit that isn't used says nothing about another one.
    const next = inFlightMax * 2 < limit ? limit : limit + change(queue, step);
    samples = 0;
    rtSumMs = 0;
    inFlightMax = 0;
    return next;
  };
}

function change(queue: number, step: number): number {
  if (queue <= step) return BETA * step;
  if (queue < ALPHA * step) return step;
  return queue > BETA * step ? -step : 0;
}

interface BestRounds {
  /** The best mean of a round, in ms; infinite before the first. */
  readonly rtMs: number;
  add(meanRtMs: number): void;
}

function bestOfRounds(): BestRounds {
  let rtMs = Number.POSITIVE_INFINITY;
  let sinceProbeMs = Number.POSITIVE_INFINITY;
  let rounds = 0;
  return {
    get rtMs() {
      return rtMs;
    },
    add(meanRtMs) {
      rtMs = Math.min(rtMs, meanRtMs);
      sinceProbeMs = Math.min(sinceProbeMs, meanRtMs);
      rounds += 1;
      if (rounds < PROBE_ROUNDS) return;
      rtMs = sinceProbeMs;
      sinceProbeMs = Number.POSITIVE_INFINITY;
      rounds = 0;
    },
  };
}
