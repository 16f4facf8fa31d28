import type { ConcurrencyLimit } from "../../../src/resilience/concurrency-limit.ts";
import type { WorkOutcome } from "../../../src/resilience/overload-limiter.ts";

const T0 = 1_800_000_000_000;

/** Keeps so much in flight at a limiter, and lets work end at will. */
export class LimitDriver {
  readonly #limiter: ConcurrencyLimit;

  constructor(limiter: ConcurrencyLimit, inFlight: number) {
    this.#limiter = limiter;
    this.admit(inFlight);
  }

  get limit(): number {
    return this.#limiter.view(T0).limit;
  }

  get inFlight(): number {
    return this.#limiter.view(T0).inFlight;
  }

  admit(count: number): void {
    for (let call = 0; call < count; call += 1) this.#limiter.admit(T0, "critical_plus");
  }

  /** So many pieces of work end after `rtMs` each, and as many begin. */
  end(times: number, rtMs: number, outcome: WorkOutcome = "success"): this {
    for (let call = 0; call < times; call += 1) {
      this.#limiter.done(T0 + rtMs, T0, outcome);
      this.admit(1);
    }
    return this;
  }
}
