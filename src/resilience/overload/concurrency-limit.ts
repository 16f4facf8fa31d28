import { CRITICALITY_SHARE, type Criticality } from "./criticality.ts";
import type { OverloadLimiter, WorkOutcome } from "./overload-limiter.ts";
import { requireIntegerIn } from "../require-number-in.ts";

export interface ConcurrencyLimitOptions {
  /** An integer in [minLimit, maxLimit]; 64 if absent. */
  readonly initialLimit?: number;
  /** An integer in [1, maxLimit]; 32 if absent: a quiet upstream must not be shed. */
  readonly minLimit?: number;
  /** An integer in [1, 100000]; 1000 if absent. */
  readonly maxLimit?: number;
}

/**
 * How a limit follows what is measured: the next limit from the last one and one finished piece of
 * work.
 */
export type LimitRule = (sample: {
  readonly limit: number;
  /** 0 where the clock didn't move, or stepped back. */
  readonly rtMs: number;
  /** In flight when the work ended, itself included, but for what waits on purpose. */
  readonly inFlight: number;
  readonly outcome: Exclude<WorkOutcome, "none">;
}) => number;

const LIMIT_MAX = 100_000;
/** For how long a drop shows, in ms. */
const DROPPED_MS = 1_000;
/** Weight of the newest piece of work in what is known of waits: some fifty make up most of it. */
const WAIT_WEIGHT = 0.02;

/**
 * A limit on what is in flight that a rule moves with every finished piece of work: the frame of
 * Netflix's concurrency-limits.
 *
 * @throws RangeError for an option out of range
 */
export class ConcurrencyLimit implements OverloadLimiter {
  readonly #rule: LimitRule;
  readonly #minLimit: number;
  readonly #maxLimit: number;
  #limit: number;
  #inFlight = 0;
  /** What work takes, and what of it it waits on purpose, on the average. */
  #tookMs = 0;
  #waitedMs = 0;
  #droppedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    rule: LimitRule,
    { initialLimit = 64, minLimit = 32, maxLimit = 1_000 }: ConcurrencyLimitOptions = {},
  ) {
    requireIntegerIn("maxLimit", maxLimit, 1, LIMIT_MAX);
    requireIntegerIn("minLimit", minLimit, 1, maxLimit);
    requireIntegerIn("initialLimit", initialLimit, minLimit, maxLimit);
    this.#rule = rule;
    this.#minLimit = minLimit;
    this.#maxLimit = maxLimit;
    this.#limit = initialLimit;
  }

  admit(nowMs: number, criticality: Criticality): boolean {
    if (this.#atWork >= Math.max(1, Math.floor(this.#limit * CRITICALITY_SHARE[criticality]))) {
      this.#droppedAtMs = nowMs;
      return false;
    }
    this.#inFlight += 1;
    return true;
  }

  done(nowMs: number, startedAtMs: number, outcome: WorkOutcome, waitedMs = 0): void {
    if (outcome !== "none") {
      const tookMs = Math.max(0, nowMs - startedAtMs);
      this.#tookMs += WAIT_WEIGHT * (tookMs - this.#tookMs);
      this.#waitedMs += WAIT_WEIGHT * (Math.min(waitedMs, tookMs) - this.#waitedMs);
      const next = this.#rule({
        limit: this.#limit,
        rtMs: Math.max(0, tookMs - waitedMs),
        inFlight: this.#atWork,
        outcome,
      });
      this.#limit = Math.min(this.#maxLimit, Math.max(this.#minLimit, next));
    }
    this.#inFlight = Math.max(0, this.#inFlight - 1);
  }

  view(nowMs: number): { readonly inFlight: number; readonly limit: number; readonly shedding: boolean } {
    const sinceDropMs = nowMs - this.#droppedAtMs;
    return {
      inFlight: this.#inFlight,
      limit: Math.floor(this.#limit),
      shedding: sinceDropMs >= 0 && sinceDropMs < DROPPED_MS,
    };
  }

  /**
   * What of all that is in flight is worked at: by Little's law as much as is the share of the time
   * in which work doesn't wait on purpose.
   */
  get #atWork(): number {
    return this.#waitedMs === 0 ? this.#inFlight : this.#inFlight * (1 - this.#waitedMs / this.#tookMs);
  }
}
