import type { Clock } from "../../resilience/clock.ts";
import { QueueDelay } from "../../resilience/overload/queue-delay.ts";
import type { Schedule } from "./group-commit.ts";

interface OwnLoadDeps {
  readonly now: Clock;
  readonly schedule: Schedule;
}

/** How long the timer runs that is set when work comes in, in ms. */
const PROBE_MS = 10;
const FOLLOW_UPS = 10;

/**
 * Whether an object has more to do than it can, by what its own clock sees: a timer that goes off
 * late has waited behind everything that came before it. Where a caller is, and what its clock
 * says, plays no part.
 */
export class OwnLoad {
  readonly #deps: OwnLoadDeps;
  readonly #delay = new QueueDelay();
  #isProbing = false;

  constructor(deps: OwnLoadDeps) {
    this.#deps = deps;
  }

  get isTooMuch(): boolean {
    return this.#delay.isStanding(this.#deps.now());
  }

  /**
   * Work has come in. While there is some, a timer is always running; without any the object may
   * sleep.
   */
  arrived(): void {
    if (!this.#isProbing) this.#probe(FOLLOW_UPS);
  }

  /**
   * One that was late is followed by another: two that are late and far apart are no queue that
   * stands, if one in between would have been in time.
   */
  #probe(followUps: number): void {
    this.#isProbing = true;
    this.schedule(PROBE_MS, () => {
      this.#isProbing = false;
      if (followUps > 0 && this.#delay.wasLate) this.#probe(followUps - 1);
    });
  }

  /** A timer of the object's own, whose lateness counts. */
  readonly schedule: Schedule = (delayMs, callback) => {
    const plannedMs = this.#deps.now() + delayMs;
    return this.#deps.schedule(delayMs, () => {
      const nowMs = this.#deps.now();
      this.#delay.observe(nowMs, nowMs - plannedMs);
      callback();
    });
  };
}
