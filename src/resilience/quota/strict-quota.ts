import { AskCrowd } from "./ask-crowd.ts";
import type { ClientQuota } from "./client-quota.ts";
import { DenialMemory } from "./denial-memory.ts";
import type { RateAnswer, RateAsk, RateDecision, RateLimit } from "./rate-limit.ts";
import { SteadyTime } from "../steady-time.ts";
import { type OnUnreachable, UnreachableQuota } from "./unreachable-quota.ts";

/**
 * Asks the server for every request, as login and transfers need it. Only a denial is kept, until
 * the estimate frees what was missing: a flood costs the server no more than a few calls per freed
 * unit, also while it waits for the denial ({@link AskCrowd}).
 *
 * @throws RangeError for a limit or window out of range
 */
export class StrictQuota implements ClientQuota {
  readonly #time: SteadyTime;
  readonly #denial = new DenialMemory();
  readonly #alone: UnreachableQuota;
  readonly #crowd: AskCrowd;

  constructor(limit: RateLimit, onUnreachable: OnUnreachable) {
    this.#alone = new UnreachableQuota(limit, onUnreachable);
    this.#time = new SteadyTime(limit.windowMs);
    this.#crowd = new AskCrowd(limit);
  }

  decide(nowMs: number, cost: number): RateDecision | null {
    const atMs = this.#advance(nowMs);
    return this.#denial.recall(atMs, cost) ?? this.#crowd.refuse(atMs);
  }

  ask(nowMs: number, cost: number): RateAsk {
    this.#crowd.sent(this.#advance(nowMs));
    return { kind: "take", cost };
  }

  answered(nowMs: number, cost: number, answer: RateAnswer): RateDecision {
    const { allowed, remaining, resetMs, retryAfterMs } = answer;
    const atMs = this.#advance(nowMs);
    this.#crowd.ended();
    this.#crowd.know(atMs, answer);
    this.#alone.know(atMs, remaining);
    if (!allowed) {
      this.#denial.remember(atMs, cost, answer);
      this.#crowd.denied(atMs);
    }
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
    const atMs = this.#advance(nowMs);
    this.#crowd.ended();
    return this.#denial.recall(atMs, cost) ?? this.#alone.decide(atMs, cost);
  }

  parting(): null {
    return null;
  }

  #advance(nowMs: number): number {
    const atMs = this.#time.at(nowMs);
    this.#crowd.advance(atMs);
    return atMs;
  }
}
