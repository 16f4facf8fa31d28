import { AskCrowd } from "./ask-crowd.ts";
import type { ClientQuota } from "./client-quota.ts";
import { DenialMemory } from "./denial-memory.ts";
import { LeaseDemand } from "./lease-demand.ts";
import { LeasePool } from "./lease-pool.ts";
import type { RateAnswer, RateAsk, RateDecision, RateLimit } from "./rate-limit.ts";
import { leaseHoldMs } from "./rate-server.ts";
import { SteadyTime } from "../steady-time.ts";
import { type OnUnreachable, UnreachableQuota } from "./unreachable-quota.ts";

/** An ask in the background is given up after this long (ms). */
const ASK_MS_MAX = 5000;
const BACKOFF_MS = 1000;

/**
 * Spends units leased in advance, and fetches the next ones before they run out: in the steady
 * state no request waits for the server. In any window it admits at most
 * `burst + rate·(window + T)`, T being the hold and a round trip, since a unit is counted when it
 * is granted and spent at most T later. The scheme is Doorman's (Google's client-side limiter) with
 * single units instead of rates.
 *
 * @throws RangeError for a limit or window out of range
 */
export class LeasedQuota implements ClientQuota {
  readonly #limit: RateLimit;
  readonly #time: SteadyTime;
  readonly #pool = new LeasePool();
  readonly #demand: LeaseDemand;
  readonly #denial = new DenialMemory();
  readonly #alone: UnreachableQuota;
  readonly #crowd: AskCrowd;
  #backgroundSinceMs: number | null = null;
  #backgroundNotBeforeMs = 0;
  /** The server's last word: what was left, and when more was to become free. */
  #left: number;
  #resetAtMs = 0;

  constructor(limit: RateLimit, onUnreachable: OnUnreachable) {
    this.#alone = new UnreachableQuota(limit, onUnreachable);
    this.#limit = limit;
    this.#time = new SteadyTime(limit.windowMs);
    this.#demand = new LeaseDemand(leaseHoldMs(limit));
    this.#crowd = new AskCrowd(limit);
    this.#left = limit.limit;
  }

  decide(nowMs: number, cost: number): RateDecision | null {
    const atMs = this.#advance(nowMs);
    if (this.#pool.spend(cost)) return this.#admitted(atMs, cost);
    return this.#denial.recall(atMs, cost) ?? this.#crowd.refuse(atMs, Math.ceil(this.#demand.rttMs));
  }

  ask(nowMs: number, cost: number): RateAsk {
    const atMs = this.#advance(nowMs);
    this.#crowd.sent(atMs);
    return {
      kind: "lease",
      want: Math.max(cost, this.#demand.size(atMs)),
      returned: this.#pool.takeUnused(),
      need: cost,
    };
  }

  answered(nowMs: number, cost: number, answer: RateAnswer): RateDecision {
    const atMs = this.#advance(nowMs);
    const askedAtMs = this.#crowd.ended();
    this.#know(atMs, answer);
    if (askedAtMs !== undefined) this.#demand.tookMs(atMs - askedAtMs);
    if (answer.granted >= cost) {
      // Without an open ask this answer came twice or too late: the rest of it may have been kept
      // before.
      if (askedAtMs !== undefined) this.#pool.add(answer.granted - cost, askedAtMs + answer.holdMs);
      return this.#admitted(atMs, cost);
    }
    if (this.#pool.spend(cost)) return this.#admitted(atMs, cost);
    this.#deny(atMs, cost, answer);
    const { remaining, resetMs, retryAfterMs } = answer;
    return { allowed: false, remaining, resetMs, retryAfterMs };
  }

  background(nowMs: number): RateAsk | null {
    const atMs = this.#advance(nowMs);
    if (this.#backgroundSinceMs !== null || atMs < this.#backgroundNotBeforeMs) return null;
    const wantsMore =
      this.#demand.wantsMore(atMs, this.#pool.units, this.#pool.endsAtMs) &&
      this.#denial.recall(atMs, 1) === null;
    if (!wantsMore && this.#pool.unused === 0) return null;
    this.#backgroundSinceMs = atMs;
    if (wantsMore) return { kind: "lease", want: this.#demand.size(atMs), returned: this.#pool.takeUnused() };
    return { kind: "give_back", cost: this.#pool.takeUnused() };
  }

  learned(nowMs: number, answer: RateAnswer): void {
    const atMs = this.#advance(nowMs);
    if (this.#backgroundSinceMs === null) return;
    this.#demand.tookMs(atMs - this.#backgroundSinceMs);
    this.#pool.add(answer.granted, this.#backgroundSinceMs + answer.holdMs);
    this.#backgroundSinceMs = null;
    this.#know(atMs, answer);
    if (!answer.allowed) this.#deny(atMs, 1, answer);
  }

  failed(nowMs: number): void {
    this.#backgroundSinceMs = null;
    this.#backgroundNotBeforeMs = this.#advance(nowMs) + BACKOFF_MS;
  }

  unreachable(nowMs: number, cost: number): RateDecision | null {
    const atMs = this.#advance(nowMs);
    this.#crowd.ended();
    return this.#pool.spend(cost) ? this.#admitted(atMs, cost) : this.#alone.decide(nowMs, cost);
  }

  parting(nowMs: number): RateAsk | null {
    this.#advance(nowMs);
    const units = this.#pool.units;
    this.#pool.spend(units);
    const cost = units + this.#pool.takeUnused();
    return cost === 0 ? null : { kind: "give_back", cost };
  }

  #advance(nowMs: number): number {
    const atMs = this.#time.at(nowMs);
    this.#pool.expire(atMs);
    this.#crowd.advance(atMs);
    if (this.#backgroundSinceMs !== null && atMs - this.#backgroundSinceMs > ASK_MS_MAX)
      this.#backgroundSinceMs = null;
    return atMs;
  }

  #know(atMs: number, answer: RateDecision): void {
    this.#left = answer.remaining;
    this.#resetAtMs = atMs + answer.resetMs;
    this.#crowd.know(atMs, answer);
    this.#alone.know(atMs, answer.remaining);
  }

  #deny(atMs: number, cost: number, answer: RateAnswer): void {
    this.#denial.remember(atMs, cost, answer);
    this.#crowd.denied(atMs);
  }

  #admitted(atMs: number, cost: number): RateDecision {
    this.#demand.used(atMs, cost);
    const remaining = Math.min(this.#limit.limit, this.#left + this.#pool.units);
    const resetMs = Math.max(this.#resetAtMs - atMs, Math.ceil(this.#limit.windowMs / this.#limit.limit));
    return { allowed: true, remaining, resetMs, retryAfterMs: 0 };
  }
}
