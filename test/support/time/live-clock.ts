import { TurnedClock } from "./turned-clock.ts";

const STEP_MS = 10;

/** A turned clock for code that sleeps: what wakes up runs before the clock goes on. */
export class LiveClock {
  readonly #clock = new TurnedClock();

  readonly now = (): number => this.#clock.now();

  readonly sleep = (ms: number): Promise<void> => new Promise((resolve) => this.#clock.schedule(ms, resolve));

  /** Work that keeps the thread busy for `ms`: nothing else has its turn meanwhile. */
  block(ms: number): void {
    this.#clock.stepBack(-ms);
  }

  /** Lets `ms` pass. */
  async pass(ms: number): Promise<void> {
    await settled();
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      this.#clock.turn(STEP_MS);
      await settled();
    }
  }
}

/** Until all that waits for nothing but its turn has had it. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
