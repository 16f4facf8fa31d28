import type { Clock } from "../../resilience/clock.ts";

/**
 * After each step there is a pause nine times as long as it took: a tenth of the time is taken,
 * nine belong to transfers.
 */
const PAUSE_SHARE = 9;
const PAUSE_MS_MIN = 10;
/** The pause after a slow answer is bounded, or the operator who asked would get no answer. */
const PAUSE_MS_MAX = 500;

/**
 * Lets one thing be done after the other, with pauses, for a limited time and so many times at
 * most.
 */
export class Pace {
  readonly #now: Clock;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #stepsMax: number;
  readonly #startedAtMs: number;
  #steps = 0;

  constructor({
    now,
    sleep,
    stepsMax,
  }: {
    now: Clock;
    sleep: (ms: number) => Promise<void>;
    stepsMax: number;
  }) {
    this.#now = now;
    this.#sleep = sleep;
    this.#stepsMax = stepsMax;
    this.#startedAtMs = now();
  }

  /** Does one thing, and pauses. */
  async step<T>(act: () => Promise<T>): Promise<T> {
    const beganAtMs = this.#now();
    const result = await act();
    this.#steps += 1;
    const pauseMs = PAUSE_SHARE * (this.#now() - beganAtMs);
    await this.#sleep(Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, pauseMs)));
    return result;
  }

  /** Whether there is time left until so long after the beginning. */
  goesOnUntil(ms: number): boolean {
    return this.#steps < this.#stepsMax && this.#now() < this.#startedAtMs + ms;
  }
}
