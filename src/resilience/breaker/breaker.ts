/**
 * How a call ended, as far as its upstream is to blame. `cancelled`: the caller went away or had
 * too little patience, which says nothing about the upstream.
 */
export type BreakerOutcome = "success" | "failure" | "cancelled";

/**
 * `trial`: the call is to find out whether the upstream works again. `retryAfterMs`: when asking
 * again may be worth it, in ms, above 0.
 */
export type BreakerAdmission =
  | { readonly kind: "admitted" }
  | { readonly kind: "trial" }
  | { readonly kind: "rejected"; readonly retryAfterMs: number };

/** What an operator sees: the state, and the calls of the window with how many of them failed. */
export interface BreakerView {
  readonly state: "closed" | "open" | "half_open";
  readonly total: number;
  readonly failures: number;
}

/**
 * Leaves an upstream alone while it fails. Whoever was admitted, or lets a trial begin, tells how
 * it ended; a rejected caller tells nothing.
 *
 * @example
 * const admission = breaker.admit(now(), random());
 * if (admission.kind === "rejected") throw unavailable(admission.retryAfterMs);
 * breaker.record(now(), await outcomeOf(call), admission.kind);
 */
export interface Breaker {
  /**
   * @param random - in [0, 1)
   * @param part - which of several things the call goes to, where they fail apart
   */
  admit(nowMs: number, random: number, part?: string): BreakerAdmission;
  /**
   * @param admission - the `kind` of what `admit` answered for this call
   * @param part - as it was told to `admit`
   */
  record(nowMs: number, outcome: BreakerOutcome, admission: "admitted" | "trial", part?: string): void;
  view(nowMs: number): BreakerView;
}

/** A breaker that can be told from outside what others have found out. */
export interface SteerableBreaker extends Breaker {
  /** Whether it admits everything. Cheap: asked at every call. */
  readonly isClosed: boolean;
  /**
   * The upstream failed at `sinceMs`, says somebody who knows: it is open from then on, or stays
   * open at least as long as if that were the first time.
   */
  trip(nowMs: number, sinceMs?: number): void;
  /** Closes it and forgets what it counted. */
  reset(): void;
}

/** The two answers that carry nothing, made once: they are given at every call. */
export const ADMITTED: BreakerAdmission = { kind: "admitted" };
export const TRIAL: BreakerAdmission = { kind: "trial" };
