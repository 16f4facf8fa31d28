import { EventHeap, type Planned } from "./event-heap.ts";

type Run = () => void | Promise<void>;

interface Plan extends Planned {
  readonly run: Run;
  isOff: boolean;
}

/**
 * Time that stands still until it is moved. What was planned then happens in the order of its
 * times, and of its planning where they are equal: an hour passes as fast as it can be computed.
 */
export class VirtualTime {
  readonly #plans = new EventHeap<Plan>();
  #planned = 0;
  #nowMs: number;

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs;

  /** Plans `run` for `atMs`; if that is past it comes next. The answer calls it off. */
  readonly at = (atMs: number, run: Run): (() => void) => {
    const plan = { atMs, order: this.#planned++, run, isOff: false };
    this.#plans.push(plan);
    return () => {
      plan.isOff = true;
    };
  };

  /** Plans `run` for `delayMs` from now, as a timer would. The answer calls it off. */
  readonly after = (delayMs: number, run: Run): (() => void) => this.at(this.#nowMs + delayMs, run);

  readonly sleep = (ms: number): Promise<void> => new Promise((resolve) => void this.after(ms, resolve));

  /**
   * Goes on to what comes next, at `untilMs` at the latest, and hands it out to be run; null if
   * nothing does.
   */
  next(untilMs = Number.POSITIVE_INFINITY): Run | null {
    for (let plan = this.#plans.peek(); plan !== null && plan.atMs <= untilMs; plan = this.#plans.peek()) {
      this.#plans.pop();
      if (plan.isOff) continue;
      this.#nowMs = Math.max(this.#nowMs, plan.atMs);
      return plan.run;
    }
    return null;
  }

  /** Lets `ms` pass at once, with all that comes due. */
  turn(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let run = this.next(untilMs); run !== null; run = this.next(untilMs)) void run();
    this.#nowMs = untilMs;
  }

  /** Lets everything happen at once until nothing is planned any more. */
  run(): void {
    for (let run = this.next(); run !== null; run = this.next()) void run();
  }

  /** Lets everything happen that is planned up to `untilMs`, one after the other. */
  async runUntil(untilMs: number): Promise<void> {
    for (let run = this.next(untilMs); run !== null; run = this.next(untilMs)) await run();
    this.#nowMs = untilMs;
  }

  /** Keeps the thread busy for `ms`: nothing has its turn meanwhile. */
  block(ms: number): void {
    this.#nowMs += ms;
  }

  /** Sets the clock back, as an operator or NTP would. */
  stepBack(ms: number): void {
    this.#nowMs -= ms;
  }
}
