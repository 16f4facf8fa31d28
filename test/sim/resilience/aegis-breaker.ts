import {
  ADMITTED,
  type Breaker,
  type BreakerAdmission,
  type BreakerOutcome,
  type BreakerView,
} from "../../../src/resilience/breaker/breaker.ts";
import { RollingWindow } from "../../../src/resilience/window/rolling-window.ts";

const REQUESTS_MIN = 100;
const K = 1 / 0.6;
const REJECTED: BreakerAdmission = { kind: "rejected", retryAfterMs: 1_000 };

/**
 * go-kratos/aegis `circuitbreaker/sre` with its defaults, as kratos uses it: an outcome counts when
 * it is known, a rejection as a failure.
 */
export class AegisBreaker implements Breaker {
  readonly #window = new RollingWindow({ windowMs: 3_000, buckets: 10, events: ["total", "accepted"] });

  admit(nowMs: number, random: number): BreakerAdmission {
    const total = this.#window.sum(nowMs, "total");
    const allowed = K * this.#window.sum(nowMs, "accepted");
    if (total < REQUESTS_MIN || total < allowed) return ADMITTED;
    if (random >= (total - allowed) / (total + 1)) return ADMITTED;
    this.#window.add(nowMs, "total");
    return REJECTED;
  }

  record(nowMs: number, outcome: BreakerOutcome): void {
    this.#window.add(nowMs, "total");
    if (outcome === "success") this.#window.add(nowMs, "accepted");
  }

  view(nowMs: number): BreakerView {
    const total = this.#window.sum(nowMs, "total");
    return { state: "closed", total, failures: total - this.#window.sum(nowMs, "accepted") };
  }
}
