import { requireIntegerIn } from "./rate-limit.ts";
import { requireNumberIn } from "./require-number-in.ts";
import { SteadyTime } from "./steady-time.ts";

interface RetryBudgetOptions {
  /** For how long a request counts towards the budget, in ms, an integer in [1000, 60000]; 10000 if absent. */
  readonly ttlMs?: number;
  /** Retries per second that are always there, in [0, 1000]; 1 if absent: a quiet client may retry too. */
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
 * How much may be tried again: a fifth of the requests of the last ten seconds, and one a second beside. A retry storm thus adds a fifth
 * to the load at most, whatever fails. Source: Twitter Finagle, RetryBudget (TokenRetryBudget over a LeakyTokenBucket).
 *
 * @throws RangeError for an option out of range
 */
export class RetryBudget {
  readonly #slotMs: number;
  readonly #reserve: number;
  readonly #deposit: number;
  /** Deposits less withdrawals of each slot of time, in parts; a slot's number is in `#slots`. */
  readonly #balances = new Float64Array(SLOTS);
  readonly #slots = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY);
  readonly #time: SteadyTime;

  constructor({ ttlMs = 10_000, retriesPerSecondMin = 1, retryRatio = 0.2 }: RetryBudgetOptions = {}) {
    requireIntegerIn("ttlMs", ttlMs, TTL_MS_MIN, TTL_MS_MAX);
    requireNumberIn("retriesPerSecondMin", retriesPerSecondMin, 0, PER_SECOND_MAX);
    requireNumberIn("retryRatio", retryRatio, 0, 1);
    this.#time = new SteadyTime(ttlMs);
    this.#slotMs = ttlMs / SLOTS;
    this.#reserve = Math.round((retriesPerSecondMin * ttlMs * PARTS) / 1_000);
    this.#deposit = Math.round(retryRatio * PARTS);
  }

  /** A request was made, and adds to the budget. */
  request(nowMs: number): void {
    this.#add(nowMs, this.#deposit);
  }

  /** Takes one retry out of the budget; false where it is empty. */
  tryWithdraw(nowMs: number): boolean {
    if (this.#balance(nowMs) < PARTS) return false;
    this.#add(nowMs, -PARTS);
    return true;
  }

  #add(nowMs: number, parts: number): void {
    const slot = this.#slotAt(nowMs);
    const index = slot % SLOTS;
    const known = this.#slots[index] === slot ? (this.#balances[index] ?? 0) : 0;
    this.#slots[index] = slot;
    this.#balances[index] = known + parts;
  }

  #balance(nowMs: number): number {
    const slot = this.#slotAt(nowMs);
    let sum = this.#reserve;
    for (let index = 0; index < SLOTS; index += 1) {
      const age = slot - (this.#slots[index] ?? 0);
      if (age < SLOTS) sum += this.#balances[index] ?? 0;
    }
    return sum;
  }

  #slotAt(nowMs: number): number {
    return Math.floor(this.#time.at(nowMs) / this.#slotMs);
  }
}
