interface RetryBudgetOptions {
  /** For how long a request counts towards the budget, in ms. */
  readonly ttlMs?: number;
  /** Retries per second that are always there: a quiet client may retry too. */
  readonly retriesPerSecondMin?: number;
  /** Retries per request. */
  readonly retryRatio?: number;
}

const SLOTS = 10;
/** Balances are kept in parts of a retry, so that no ratio accumulates rounding. */
const PARTS = 1_000;

/**
 * How much may be tried again: a fifth of the requests of the last ten seconds, and one a second beside. A retry storm thus adds a fifth
 * to the load at most, whatever fails. Source: Twitter Finagle, RetryBudget (TokenRetryBudget over a LeakyTokenBucket).
 */
export class RetryBudget {
  readonly #slotMs: number;
  readonly #reserve: number;
  readonly #deposit: number;
  /** Deposits less withdrawals of each slot of time, in parts; a slot's number is in `#slots`. */
  readonly #balances = new Float64Array(SLOTS);
  readonly #slots = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY);
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor({ ttlMs = 10_000, retriesPerSecondMin = 1, retryRatio = 0.2 }: RetryBudgetOptions = {}) {
    if (!(ttlMs >= 1_000 && ttlMs <= 60_000)) throw new RangeError(`ttlMs must be in [1000, 60000], got ${ttlMs}`);
    if (!(retriesPerSecondMin >= 0 && retriesPerSecondMin <= 1_000)) {
      throw new RangeError(`retriesPerSecondMin must be in [0, 1000], got ${retriesPerSecondMin}`);
    }
    if (!(retryRatio >= 0 && retryRatio <= 1)) throw new RangeError(`retryRatio must be in [0, 1], got ${retryRatio}`);
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

  /** A clock that steps back stands still. */
  #slotAt(nowMs: number): number {
    if (nowMs > this.#lastMs) this.#lastMs = nowMs;
    return Math.floor(this.#lastMs / this.#slotMs);
  }
}
