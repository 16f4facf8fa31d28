interface RetryThrottleOptions {
  readonly tokensMax?: number;
  /** What a success gives back. */
  readonly tokenRatio?: number;
}

/**
 * Stops retries where most calls fail: every failure costs a token, every success gives a tenth of one back, and only above half of the
 * tokens anything is tried again. Source: gRPC proposal A6, "Throttling Retry Attempts and Hedged RPCs".
 */
export class RetryThrottle {
  readonly #tokensMax: number;
  readonly #tokenRatio: number;
  #tokens: number;

  constructor({ tokensMax = 10, tokenRatio = 0.1 }: RetryThrottleOptions = {}) {
    if (!(tokensMax > 0 && tokensMax <= 1_000)) throw new RangeError(`tokensMax must be in (0, 1000], got ${tokensMax}`);
    if (!(tokenRatio > 0 && tokenRatio <= tokensMax)) throw new RangeError(`tokenRatio must be in (0, ${tokensMax}], got ${tokenRatio}`);
    this.#tokensMax = tokensMax;
    this.#tokenRatio = tokenRatio;
    this.#tokens = tokensMax;
  }

  get allowsRetry(): boolean {
    return this.#tokens > this.#tokensMax / 2;
  }

  success(): void {
    this.#tokens = Math.min(this.#tokensMax, this.#tokens + this.#tokenRatio);
  }

  failure(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }
}
