import { ConcurrencyLimit, type ConcurrencyLimitOptions } from "./concurrency-limit.ts";

interface AimdOptions extends ConcurrencyLimitOptions {
  /** In [0.5, 1); 0.9 if absent. */
  readonly backoffRatio?: number;
  /**
   * Slower than this, work counts as dropped: ms in (0, 60000]; 500 if absent, half of what a
   * request is given by default.
   */
  readonly slowMs?: number;
}

/**
 * Additive increase, multiplicative decrease, as TCP Reno does it: one more place after work that
 * went well while the limit was in use, a tenth less after work that was refused or too slow.
 * Source: Netflix concurrency-limits, AIMDLimit.
 *
 * @throws RangeError for an option out of range
 */
export class AimdLimiter extends ConcurrencyLimit {
  constructor({ backoffRatio = 0.9, slowMs = 500, ...options }: AimdOptions = {}) {
    if (!(backoffRatio >= 0.5 && backoffRatio < 1))
      throw new RangeError(`backoffRatio must be in [0.5, 1), got ${backoffRatio}`);
    if (!(slowMs > 0 && slowMs <= 60_000))
      throw new RangeError(`slowMs must be in (0, 60000], got ${slowMs}`);
    super(({ limit, rtMs, inFlight, outcome }) => {
      if (outcome === "overloaded" || rtMs > slowMs) return limit * backoffRatio;
      return outcome === "success" && inFlight * 2 >= limit ? limit + 1 : limit;
    }, options);
  }
}
