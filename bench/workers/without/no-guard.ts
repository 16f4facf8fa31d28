import type { Patience } from "../../../src/platform/call/patience.ts";
import type { Attempt, CallPlan } from "../../../src/platform/guard/call-plan.ts";
import type { Guard as RealGuard, GuardParts } from "../../../src/platform/guard/guard.ts";

/** Makes the call, within the time there is, and does nothing else. */
export class Guard implements Pick<RealGuard, keyof RealGuard> {
  readonly #parts: GuardParts;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  get upstream(): string {
    return this.#parts.upstream;
  }

  patienceOfOne(timeoutMs: number = this.#parts.timeoutMs): Patience {
    return { deadlineAtMs: this.#parts.now() + timeoutMs };
  }

  call<T>(_what: string, plan: CallPlan<T>, run: (attempt: Attempt) => Promise<T>): Promise<T> {
    const limitMs = Math.min(plan.deadlineAtMs - this.#parts.now(), plan.timeoutMs ?? this.#parts.timeoutMs);
    return run({ limitMs, number: 1, isHurried: false });
  }
}
