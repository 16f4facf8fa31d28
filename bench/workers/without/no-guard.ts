import type { Attempt, CallPlan, GuardParts } from "../../../src/platform/guard/guard.ts";

/** Makes the call, within the time there is, and does nothing else. */
export class Guard {
  readonly #parts: GuardParts;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  call<T>(_what: string, plan: CallPlan<T>, run: (attempt: Attempt) => Promise<T>): Promise<T> {
    const limitMs = Math.min(plan.deadlineAtMs - this.#parts.now(), plan.timeoutMs ?? this.#parts.timeoutMs);
    return run({ limitMs, number: 1 });
  }
}
