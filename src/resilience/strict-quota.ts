import type { ClientQuota } from "./client-quota.ts";
import { DenialMemory } from "./denial-memory.ts";
import type { RateAnswer, RateAsk, RateDecision, RateLimit } from "./rate-limit.ts";
import { SteadyTime } from "./steady-time.ts";
import { type OnUnreachable, UnreachableQuota } from "./unreachable-quota.ts";

/**
 * Asks the server for every request, as login and transfers need it. Only a denial is kept, until the estimate frees what was missing:
 * a flood costs the server no more than a few calls per freed unit.
 *
 * @throws RangeError for a limit or window out of range
 */
export class StrictQuota implements ClientQuota {
  readonly #time: SteadyTime;
  readonly #denial = new DenialMemory();
  readonly #alone: UnreachableQuota;

  constructor(limit: RateLimit, onUnreachable: OnUnreachable) {
    this.#alone = new UnreachableQuota(limit, onUnreachable);
    this.#time = new SteadyTime(limit.windowMs);
  }

  decide(nowMs: number, cost: number): RateDecision | null {
    return this.#denial.recall(this.#time.at(nowMs), cost);
  }

  ask(_nowMs: number, cost: number): RateAsk {
    return { kind: "take", cost };
  }

  answered(nowMs: number, cost: number, answer: RateAnswer): RateDecision {
    const { allowed, remaining, resetMs, retryAfterMs } = answer;
    if (!allowed) this.#denial.remember(this.#time.at(nowMs), cost, answer);
    return { allowed, remaining, resetMs, retryAfterMs };
  }

  background(): null {
    return null;
  }

  learned(): void {
    // Nothing is asked in the background.
  }

  failed(): void {
    // Nothing is asked in the background.
  }

  unreachable(nowMs: number, cost: number): RateDecision | null {
    return this.#alone.decide(nowMs, cost);
  }

  leftover(): number {
    return 0;
  }

  parting(): null {
    return null;
  }
}
