import type { Clock } from "../../resilience/clock.ts";

/**
 * A clock that is behind its last reading by more has been set back, in ms; requests in flight may
 * bring times that are a little older.
 */
const STEP_BACK_MS = 1_000;

/**
 * The plain clock of an object, which tells when it turns out that an earlier reading was ahead:
 * whatever was reckoned from that one waits for a time that is far away. One reading a month ahead
 * must not stop anything for a month.
 */
export class WallClock {
  readonly #read: Clock;
  readonly #listeners: ((nowMs: number) => void)[] = [];
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(read: Clock) {
    this.#read = read;
  }

  readonly now: Clock = () => {
    const nowMs = this.#read();
    const isSetBack = nowMs < this.#lastMs - STEP_BACK_MS;
    this.#lastMs = nowMs;
    if (isSetBack) for (const listener of this.#listeners) listener(nowMs);
    return nowMs;
  };

  /**
   * `listener` hears of each time that is behind an earlier one, before the caller who asked for
   * the time.
   */
  onSetBack(listener: (nowMs: number) => void): void {
    this.#listeners.push(listener);
  }
}
