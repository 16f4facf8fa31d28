import { AsyncQuota } from "./async-quota.ts";
import type { ClientQuota } from "./client-quota.ts";
import { countSlackMs } from "./count-slack.ts";
import { quotaFor } from "./quota-for.ts";
import {
  type RateAnswer,
  type RateAsk,
  type RateDecision,
  type RateLimit,
  type RateQuota,
  requireRateLimit,
} from "./rate-limit.ts";
import { RecentUnits } from "./recent-units.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";
import type { OnUnreachable } from "./unreachable-quota.ts";

/** Quiet units are told no later than this part of the window after they came. */
const RECENT_PART = 1 / 8;
/** Quiet is only who has this part of the limit left, as far as the server's word is known. */
const AMPLE_PART = 1 / 2;

/**
 * An asynchronous quota whose server hears nothing of a client until this isolate has seen more
 * than `quietUnits` of it within a window. What goes beyond is told as ever, and with it the quiet
 * units of the last eighth of a window: all of a flood. Older ones are told to nobody. Counted as
 * new they would count for twice as long, and a client who stays below the limit through several
 * isolates would be refused.
 *
 * So of each isolate at most `quietUnits` are missing to the server in any window (above 100 units
 * as closely as the sliding window counter keeps them), and clients are admitted
 * `limit + isolates·quietUnits`. An isolate that has heard of the client within the window is quiet
 * only if half of the limit was left; one that was refused there, not for a window.
 *
 * The first request that is told waits for nobody: it is admitted, and reported behind.
 *
 * @throws RangeError for a limit or window out of range, or for quiet units that are not in [1,
 *   limit]
 */
export class QuietQuota implements ClientQuota {
  readonly #limit: RateLimit;
  readonly #quietUnits: number;
  readonly #onUnreachable: OnUnreachable;
  readonly #time: SteadyTime;
  /** All that was admitted here, as far as it matters to the quiet units. */
  readonly #seen: RateQuota;
  /** Admitted quietly, and told to nobody so far. */
  readonly #untold: RecentUnits;
  /** What tells. Most clients never need one. */
  #loud: AsyncQuota | null = null;
  #loudUntilMs = Number.NEGATIVE_INFINITY;
  /** The server's last word, and for how long it is one. */
  #left = 0;
  #leftUntilMs = Number.NEGATIVE_INFINITY;

  constructor(limit: RateLimit, quietUnits: number, onUnreachable: OnUnreachable) {
    requireRateLimit(limit);
    requireIntegerIn("quietUnits", quietUnits, 1, limit.limit);
    this.#limit = limit;
    this.#quietUnits = quietUnits;
    this.#onUnreachable = onUnreachable;
    this.#time = new SteadyTime(limit.windowMs);
    this.#seen = quotaFor({ limit: quietUnits, windowMs: limit.windowMs });
    const recentMs = Math.min(countSlackMs(limit), limit.windowMs * RECENT_PART);
    this.#untold = new RecentUnits(Math.max(0, recentMs));
  }

  decide(nowMs: number, cost: number): RateDecision | null {
    const atMs = this.#time.at(nowMs);
    if (atMs >= this.#loudUntilMs) {
      const { allowed, remaining, resetMs } = this.#seen.take(atMs, cost);
      if (allowed) {
        this.#untold.add(atMs, cost);
        return this.#admitted(atMs, this.#quietUnits - remaining, resetMs);
      }
    }
    return this.#decideLoudly(nowMs, atMs, cost);
  }

  ask(nowMs: number, cost: number): RateAsk {
    return this.#teller().ask(nowMs, cost);
  }

  answered(nowMs: number, cost: number, answer: RateAnswer): RateDecision {
    const atMs = this.#time.at(nowMs);
    this.#hear(atMs, answer);
    const decision = this.#teller().answered(nowMs, cost, answer);
    if (decision.allowed) this.#seen.absorb(atMs, cost);
    return decision;
  }

  background(nowMs: number): RateAsk | null {
    return this.#loud?.background(nowMs) ?? null;
  }

  learned(nowMs: number, answer: RateAnswer): void {
    this.#hear(this.#time.at(nowMs), answer);
    this.#teller().learned(nowMs, answer);
  }

  failed(nowMs: number): void {
    this.#teller().failed(nowMs);
  }

  unreachable(nowMs: number, cost: number): RateDecision | null {
    const decision = this.#teller().unreachable(nowMs, cost);
    if (decision?.allowed === true) this.#seen.absorb(this.#time.at(nowMs), cost);
    return decision;
  }

  /**
   * Whoever has used more than half of the quiet units is told of: forgotten clients would begin
   * anew. The others cost nothing, since there may be any number who come once.
   */
  parting(nowMs: number): RateAsk | null {
    const atMs = this.#time.at(nowMs);
    const { remaining } = this.#seen.peek(atMs, 0);
    if (remaining * 2 < this.#quietUnits) this.#teller().admitted(nowMs, this.#untold.take(atMs));
    return this.#loud?.parting(nowMs) ?? null;
  }

  #decideLoudly(nowMs: number, atMs: number, cost: number): RateDecision | null {
    const loud = this.#teller();
    const hasRoom = this.#quietUnits + cost <= this.#limit.limit;
    const isFirst = hasRoom && atMs >= this.#loudUntilMs && loud.isUnheard(nowMs);
    loud.admitted(nowMs, this.#untold.take(atMs));
    if (isFirst) {
      loud.admitted(nowMs, cost);
      this.#seen.absorb(atMs, cost);
      return this.#admitted(atMs, this.#quietUnits + cost, this.#seen.peek(atMs, 1).resetMs);
    }
    const decision = loud.decide(nowMs, cost);
    if (decision?.allowed === true) this.#seen.absorb(atMs, cost);
    else if (decision !== null) this.#stayLoud(atMs, decision);
    return decision;
  }

  #admitted(atMs: number, seen: number, resetMs: number): RateDecision {
    const left = atMs < this.#leftUntilMs ? this.#left : this.#limit.limit;
    const remaining = Math.max(0, Math.min(left, this.#limit.limit - seen));
    return { allowed: true, remaining, resetMs, retryAfterMs: 0 };
  }

  #hear(atMs: number, answer: RateAnswer): void {
    this.#left = answer.remaining;
    this.#leftUntilMs = atMs + this.#limit.windowMs;
    if (answer.allowed && answer.remaining >= this.#limit.limit * AMPLE_PART)
      this.#loudUntilMs = Number.NEGATIVE_INFINITY;
    else this.#stayLoud(atMs, answer);
  }

  /** A denial that was told may be longer than the window by a slice. */
  #stayLoud(atMs: number, { retryAfterMs }: RateDecision): void {
    this.#loudUntilMs = atMs + Math.max(this.#limit.windowMs, retryAfterMs);
  }

  #teller(): AsyncQuota {
    this.#loud ??= new AsyncQuota(this.#limit, this.#onUnreachable);
    return this.#loud;
  }
}
