import type { ConcurrencyLimit } from "../../../src/resilience/overload/concurrency-limit.ts";
import type { WorkOutcome } from "../../../src/resilience/overload/overload-limiter.ts";

const T0 = 1_800_000_000_000;

/** Keeps so much in flight at a limiter as it admits, and lets work end at will. */
export class LimitDriver {
  readonly #limiter: ConcurrencyLimit;
  #wanted: number;

  constructor(limiter: ConcurrencyLimit, wanted: number) {
    this.#limiter = limiter;
    this.#wanted = wanted;
    this.#fill();
  }

  get limit(): number {
    return this.#limiter.view(T0).limit;
  }

  /**
   * From now on so much is wanted in flight. What is too much ends as failures of no time, of which
   * no limiter learns.
   */
  want(wanted: number): void {
    this.#wanted = wanted;
    while (this.#inFlight > wanted) this.#limiter.done(T0, T0, "failure");
    this.#fill();
  }

  /** So many pieces of work end after `rtMs` each, and others begin. */
  end(times: number, rtMs: number, outcome: WorkOutcome = "success"): this {
    for (let call = 0; call < times; call += 1) {
      this.#limiter.done(T0 + rtMs, T0, outcome);
      this.#fill();
    }
    return this;
  }

  get #inFlight(): number {
    return this.#limiter.view(T0).inFlight;
  }

  #fill(): void {
    while (this.#inFlight < this.#wanted && this.#limiter.admit(T0, "critical_plus"));
  }
}
