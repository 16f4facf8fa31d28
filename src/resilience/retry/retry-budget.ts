import { requireIntegerIn, requireNumberIn } from "../require-number-in.ts";
import { RollingWindow } from "../window/rolling-window.ts";

interface RetryBudgetOptions {
  /**
   * For how long a request counts towards the budget, in ms: an integer in [1000, 60000], a
   * multiple of 10; 10000 if absent.
   */
  readonly ttlMs?: number;
  /**
   * Retries per second that are always there, in [0, 1000]; 1 if absent: a quiet client may retry
   * too.
   */
  readonly retriesPerSecondMin?: number;
  /** Retries per request, in [0, 1], to three decimals; 0.2 if absent. */
  readonly retryRatio?: number;
}

const SLOTS = 10;
/** Balances are kept in parts of a retry, so that no ratio accumulates rounding. */
const PARTS = 1_000;
const TTL_MS_MIN = 1_000;
const TTL_MS_MAX = 60_000;
const PER_SECOND_MAX = 1_000;

/**
 * How much may be tried again: a fifth of the requests of the last ten seconds, and one a second
 * beside. A retry storm thus adds a fifth to the load at most, whatever fails. Source: Twitter
 * Finagle, RetryBudget (TokenRetryBudget over a LeakyTokenBucket).
 *
 * @throws RangeError for an option out of range
 */
export class RetryBudget {
  /** Deposits less withdrawals. A withdrawal is forgotten with the deposits of its time. */
  readonly #window: RollingWindow<"parts">;
  readonly #reserve: number;
  readonly #deposit: number;

  constructor({ ttlMs = 10_000, retriesPerSecondMin = 1, retryRatio = 0.2 }: RetryBudgetOptions = {}) {
    requireIntegerIn("ttlMs", ttlMs, TTL_MS_MIN, TTL_MS_MAX);
    if (ttlMs % SLOTS !== 0) throw new RangeError(`ttlMs must be a multiple of ${SLOTS}, got ${ttlMs}`);
    requireNumberIn("retriesPerSecondMin", retriesPerSecondMin, 0, PER_SECOND_MAX);
    requireNumberIn("retryRatio", retryRatio, 0, 1);
    this.#window = new RollingWindow({ windowMs: ttlMs, buckets: SLOTS, events: ["parts"] });
    this.#reserve = Math.round((retriesPerSecondMin * ttlMs * PARTS) / 1_000);
    this.#deposit = Math.round(retryRatio * PARTS);
  }

  /** A request was made, and adds to the budget. */
  request(nowMs: number): void {
    this.#window.add(nowMs, "parts", this.#deposit);
  }

  /** Takes one retry out of the budget; false where it is empty. */
  tryWithdraw(nowMs: number): boolean {
    if (this.#reserve + this.#window.sum(nowMs, "parts") < PARTS) return false;
    this.#window.add(nowMs, "parts", -PARTS);
    return true;
  }
}
