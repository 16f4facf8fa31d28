import { CRITICALITY_SHARE, type Criticality } from "./criticality.ts";
import type { OverloadLimiter } from "./overload-limiter.ts";

/**
 * The limiter of those who only look whether an upstream is well: while that of its real work
 * sheds, they may come as far as the work of their own class might. They are not counted among the
 * work, and are no drop of its either: how long they take, and how many they are, says nothing
 * about it, and whoever asks often must not keep it shedding.
 */
export class OnlookerLimiter implements OverloadLimiter {
  readonly #work: OverloadLimiter;

  constructor(work: OverloadLimiter) {
    this.#work = work;
  }

  admit(nowMs: number, criticality: Criticality): boolean {
    const { inFlight, limit, shedding } = this.#work.view(nowMs);
    return !shedding || inFlight <= Math.floor(limit * CRITICALITY_SHARE[criticality]);
  }

  done(): void {
    // Nothing was counted.
  }

  /** That of the work. */
  view(nowMs: number): ReturnType<OverloadLimiter["view"]> {
    return this.#work.view(nowMs);
  }
}
