import type { ClientQuota } from "./client-quota.ts";
import type { RateAnswer, RateAsk, RateDecision, RateLimit } from "./rate-limit.ts";
import { SteadyTime } from "../steady-time.ts";

/** The part of a limit that an isolate lets a client use before anybody is told of them. */
const ALLOWANCE_SHARE = 1 / 8;

/**
 * A quota that begins with an allowance of its own: the server hears of a client when the allowance
 * of a window is used up, and of most never. Where every client has a place on a server, strangers
 * who come once would each cost one. What was let pass is told with the first ask, so that one
 * isolate is as exact as without; each further one admits its allowance more.
 */
export class AllowanceQuota implements ClientQuota {
  readonly #limit: RateLimit;
  readonly #inner: ClientQuota;
  readonly #allowance: number;
  readonly #time: SteadyTime;
  /** Admitted here in this window, and when it began. */
  #used = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;
  /**
   * The server knows of what was used: from then on the inner quota decides, while the client keeps
   * coming.
   */
  #isKnown = false;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Units of which the server was not told; and those told by asks that have no answer yet. */
  #owed = 0;
  #told = 0;

  /** @throws RangeError for a limit or window out of range */
  constructor(limit: RateLimit, inner: ClientQuota) {
    this.#limit = limit;
    this.#inner = inner;
    this.#allowance = Math.floor(limit.limit * ALLOWANCE_SHARE);
    this.#time = new SteadyTime(limit.windowMs);
  }

  decide(nowMs: number, cost: number): RateDecision | null {
    const atMs = this.#advance(nowMs);
    if (this.#isKnown || this.#used + cost > this.#allowance) return this.#inner.decide(nowMs, cost);
    this.#used += cost;
    this.#owed += cost;
    return {
      allowed: true,
      remaining: this.#limit.limit - this.#used,
      resetMs: this.#sinceMs + this.#limit.windowMs - atMs,
      retryAfterMs: 0,
    };
  }

  ask(nowMs: number, cost: number): RateAsk {
    this.#advance(nowMs);
    this.#isKnown = true;
    return this.#withOwed(this.#inner.ask(nowMs, cost));
  }

  answered(nowMs: number, cost: number, answer: RateAnswer): RateDecision {
    this.#told = 0;
    return this.#inner.answered(nowMs, cost, answer);
  }

  background(nowMs: number): RateAsk | null {
    const ask = this.#inner.background(nowMs);
    return ask === null ? null : this.#withOwed(ask);
  }

  learned(nowMs: number, answer: RateAnswer): void {
    this.#told = 0;
    this.#inner.learned(nowMs, answer);
  }

  failed(nowMs: number): void {
    this.#takeBack();
    this.#inner.failed(nowMs);
  }

  unreachable(nowMs: number, cost: number): RateDecision | null {
    this.#takeBack();
    return this.#inner.unreachable(nowMs, cost);
  }

  parting(nowMs: number): RateAsk | null {
    return this.#inner.parting(nowMs);
  }

  #withOwed(ask: RateAsk): RateAsk {
    if (this.#owed === 0 || (ask.kind !== "take" && ask.kind !== "report")) return ask;
    this.#told += this.#owed;
    this.#owed = 0;
    return { ...ask, count: (ask.count ?? 0) + this.#told };
  }

  /**
   * Whether the server has heard it is not known: it is told again, counted twice rather than
   * never.
   */
  #takeBack(): void {
    this.#owed += this.#told;
    this.#told = 0;
  }

  /**
   * A client who has been away for a window is a stranger again, and one whose window is over has a
   * new allowance.
   */
  #advance(nowMs: number): number {
    const atMs = this.#time.at(nowMs);
    if (atMs - this.#lastMs >= this.#limit.windowMs) this.#isKnown = false;
    this.#lastMs = atMs;
    if (!this.#isKnown && atMs - this.#sinceMs >= this.#limit.windowMs) {
      this.#used = 0;
      this.#owed = 0;
      // An ask whose client has hung up has no end: what it told was of a window that is over.
      this.#told = 0;
      this.#sinceMs = atMs;
    }
    return atMs;
  }
}
