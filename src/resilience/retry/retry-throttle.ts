import { requireNumberIn } from "../require-number-in.ts";

interface RetryThrottleOptions {
  /** Tokens at the start and at most, in [1, 1000]; 10 if absent. */
  readonly tokensMax?: number;
  /** What a success gives back, in [0.001, tokensMax], to three decimals; 0.1 if absent. */
  readonly tokenRatio?: number;
}

/** Tokens are kept in thousandths, as gRPC does it, so that no ratio accumulates rounding. */
const PARTS = 1_000;
const TOKENS_MAX = 1_000;

/**
 * Stops retries where most calls fail: every failure costs a token, every success gives a tenth of
 * one back, and only above half of the tokens anything is tried again. Source: gRPC proposal A6,
 * "Throttling Retry Attempts and Hedged RPCs".
 *
 * @throws RangeError for an option out of range
 */
export class RetryThrottle {
  readonly #partsMax: number;
  readonly #partsBack: number;
  #parts: number;

  constructor({ tokensMax = 10, tokenRatio = 0.1 }: RetryThrottleOptions = {}) {
    requireNumberIn("tokensMax", tokensMax, 1, TOKENS_MAX);
    requireNumberIn("tokenRatio", tokenRatio, 1 / PARTS, tokensMax);
    this.#partsMax = Math.round(tokensMax * PARTS);
    this.#partsBack = Math.round(tokenRatio * PARTS);
    this.#parts = this.#partsMax;
  }

  get allowsRetry(): boolean {
    return this.#parts > this.#partsMax / 2;
  }

  success(): void {
    this.#parts = Math.min(this.#partsMax, this.#parts + this.#partsBack);
  }

  failure(): void {
    this.#parts = Math.max(0, this.#parts - PARTS);
  }
}
