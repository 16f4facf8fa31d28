import type { Schedule } from "../../../src/history/biz/group-commit.ts";

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test turns it, with the timers that hang on it. */
export class TurnedClock {
  #nowMs: number;
  #timers: Timer[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs;

  readonly schedule: Schedule = (delayMs, callback) => {
    this.#timers.push({ atMs: this.#nowMs + delayMs, callback });
  };

  /** Moves on by `ms` and runs the timers that come due, in order. */
  turn(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  /** Sets the clock back, as an operator or NTP would. */
  stepBack(ms: number): void {
    this.#nowMs -= ms;
  }
}
