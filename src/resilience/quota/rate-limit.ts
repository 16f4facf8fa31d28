import { requireIntegerIn } from "../require-number-in.ts";

/** What a RateLimit-Policy promises: `limit` units in every `windowMs`. */
export interface RateLimit {
  /** Units per window, an integer in [1, 1000000]. */
  readonly limit: number;
  /** The window in ms, an integer in [1, 86400000]. */
  readonly windowMs: number;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** Whole units left after this decision. */
  readonly remaining: number;
  /**
   * ms until more becomes free, 0 if nothing is in use: the `t` of the RateLimit header. Equals
   * `retryAfterMs` after a denial.
   */
  readonly resetMs: number;
  /**
   * 0 when allowed; after a denial, the ms after which the same cost is allowed if nothing else
   * happens.
   */
  readonly retryAfterMs: number;
}

/**
 * The plain data of a quota, safe to serialise as JSON. Which fields follow `kind` is the
 * algorithm's affair.
 */
export interface RateQuotaState extends RateLimit {
  readonly kind: string;
}

/**
 * A quota's algorithm over plain, serialisable state. Times are ms, costs whole units >= 0. A cost
 * above the limit is always denied, with the window as `retryAfterMs`; a cost that is no number is
 * denied too.
 */
export interface RateQuota {
  /** What `take` would decide, counting nothing. A cost of 0 reads the quota for the headers. */
  peek(nowMs: number, cost: number): RateDecision;
  /** Decides and, if allowed, counts. A denied cost is not counted. */
  take(nowMs: number, cost: number): RateDecision;
  /** Counts what was already admitted elsewhere, even above the limit. */
  absorb(nowMs: number, cost: number): void;
  /** Uncounts what was taken last and never used. Never more than is counted. */
  giveBack(nowMs: number, cost: number): void;
  readonly state: RateQuotaState;
  /**
   * From this moment on (ms, the caller's clock) the quota equals a fresh one, so its state may be
   * forgotten.
   */
  readonly idleAtMs: number;
}

/**
 * A question from an isolate to the server that holds a client's quota.
 *
 * - `take`: may one request of this cost pass? `count` units were admitted by the asker before and
 *   not reported yet.
 * - `lease`: up to `want` units in advance. A request waits for `need` of them (1 if absent).
 *   `returned` units of older leases are unused.
 * - `report`: `count` units were admitted.
 * - `give_back`: `cost` units were leased and never used.
 */
export type RateAsk =
  | { readonly kind: "take"; readonly cost: number; readonly count?: number }
  | { readonly kind: "lease"; readonly want: number; readonly returned: number; readonly need?: number }
  | { readonly kind: "report"; readonly count: number }
  | { readonly kind: "give_back"; readonly cost: number };

/**
 * The server's answer. For `report` and `give_back` the decision tells whether a request of cost 1
 * would have passed.
 */
export interface RateAnswer extends RateDecision {
  /**
   * Units leased: theirs to spend until `holdMs` after they were asked for. Above 0 only for
   * leases.
   */
  readonly granted: number;
  /** ms for which a lease lasts, in [250, 1000]; 0 for other asks. */
  readonly holdMs: number;
  /** How many units of a `report`, or of the `count` of a `take`, were counted. None if absent. */
  readonly counted?: number;
}

export const LIMIT_MAX = 1_000_000;
export const WINDOW_MS_MAX = 86_400_000;

/** @throws RangeError unless both parts of the limit are integers within their intervals */
export function requireRateLimit({ limit, windowMs }: RateLimit): void {
  requireIntegerIn("limit", limit, 1, LIMIT_MAX);
  requireIntegerIn("windowMs", windowMs, 1, WINDOW_MS_MAX);
}
