import { AskCrowd } from "./ask-crowd.ts";
import type { ClientQuota } from "./client-quota.ts";
import { countSlackMs, WAY_MS } from "./count-slack.ts";
import { DenialMemory } from "./denial-memory.ts";
import type { RateAnswer, RateAsk, RateDecision, RateLimit } from "./rate-limit.ts";
import { SteadyTime } from "../steady-time.ts";
import { type OnUnreachable, UnreachableQuota } from "./unreachable-quota.ts";
import { UntoldUnits } from "./untold-units.ts";

/** How often counts are reported at most, and at least while there are any. */
const REPORT_MS = 200;
const REPORT_MS_MAX = 5000;
/**
 * Such a part of the limit may be on its way uncounted while others ask, and become free before an
 * estimate is too old to refuse by.
 */
const UNCOUNTED_PART = 1 / 20;
/**
 * A holder at under 1/8 of the limit's rate may report once in 1/8 of the window: it has 1/64 of
 * the limit unreported then.
 */
const SLOW_PART = 1 / 8;
/** After a report that failed the next one waits for so long (ms). */
const BACKOFF_MS = 1000;

/**
 * Admits from the server's last estimate less what was admitted here since, and reports afterwards:
 * when the estimate is 0.2 s old, or an eighth of the window (at most 5 s) while this holder uses
 * less than an eighth of the limit and half of it is left. A request that comes alone is thus
 * reported at once. Where the estimate is used up or older than a window the request asks, and
 * after a denial every request asks for one window. A single isolate is thus as exact as the
 * server, but for messages that overtake each other; several exceed the limit by at most
 * `demand·(report interval + RTT)`. (The asynchronous counting of Cloudflare's rate limiter and of
 * Kong's `sync_rate`, bounded.)
 *
 * @throws RangeError for a limit or window out of range
 */
export class AsyncQuota implements ClientQuota {
  readonly #limit: RateLimit;
  readonly #reportMs: number;
  readonly #slowMs: number;
  readonly #time: SteadyTime;
  readonly #denial = new DenialMemory();
  readonly #alone: UnreachableQuota;
  readonly #crowd: AskCrowd;
  readonly #untold: UntoldUnits;
  /** The server's last word: what was left, when more was to become free, and when it said so. */
  #left = 0;
  #resetAtMs = 0;
  #knownAtMs = Number.NEGATIVE_INFINITY;
  #strictUntilMs = Number.NEGATIVE_INFINITY;
  #reportNotBeforeMs = 0;

  constructor(limit: RateLimit, onUnreachable: OnUnreachable) {
    this.#alone = new UnreachableQuota(limit, onUnreachable);
    this.#limit = limit;
    this.#crowd = new AskCrowd(limit);
    this.#untold = new UntoldUnits(limit);
    // Small quotas are reported sooner, and the smallest at once.
    this.#reportMs = Math.max(0, Math.min(REPORT_MS, countSlackMs(limit)));
    this.#slowMs = Math.min(REPORT_MS_MAX, Math.max(this.#reportMs, limit.windowMs * SLOW_PART));
    this.#time = new SteadyTime(limit.windowMs);
  }

  decide(nowMs: number, cost: number): RateDecision | null {
    const atMs = this.#advance(nowMs);
    const denial = this.#denial.recall(atMs, cost);
    if (denial !== null) {
      this.#strictUntilMs = atMs + this.#limit.windowMs;
      return denial;
    }
    const isOld = atMs - this.#knownAtMs >= this.#limit.windowMs;
    if (isOld || atMs < this.#strictUntilMs || this.#isLate() || !(cost <= this.#free()))
      return this.#refuse(atMs);
    this.#untold.add(atMs, cost);
    return { allowed: true, remaining: this.#free(), resetMs: this.#resetMs(atMs), retryAfterMs: 0 };
  }

  ask(nowMs: number, cost: number): RateAsk {
    const atMs = this.#advance(nowMs);
    this.#crowd.sent(atMs);
    if (this.#untold.carriedBy !== null || this.#untold.waiting === 0) return { kind: "take", cost };
    return { kind: "take", cost, count: this.#untold.carry(atMs, "ask") };
  }

  answered(nowMs: number, cost: number, answer: RateAnswer): RateDecision {
    const atMs = this.#advance(nowMs);
    this.#know(atMs, this.#crowd.ended() ?? atMs, cost, answer);
    if ((answer.counted ?? 0) > 0 && this.#untold.carriedBy === "ask") this.#untold.told();
    const { allowed, resetMs, retryAfterMs } = answer;
    return { allowed, remaining: this.#free(), resetMs, retryAfterMs };
  }

  background(nowMs: number): RateAsk | null {
    const atMs = this.#advance(nowMs);
    const { waiting, carriedBy } = this.#untold;
    if (waiting === 0 || carriedBy !== null || atMs < this.#reportNotBeforeMs) return null;
    if (atMs - this.#knownAtMs < this.#reportAfterMs(atMs)) return null;
    return { kind: "report", count: this.#untold.carry(atMs, "background") };
  }

  learned(nowMs: number, answer: RateAnswer): void {
    const atMs = this.#advance(nowMs);
    if (this.#untold.carriedBy !== "background") return;
    this.#untold.told();
    this.#know(atMs, this.#untold.carriedSinceMs, 1, answer);
  }

  failed(nowMs: number): void {
    const atMs = this.#advance(nowMs);
    if (this.#untold.carriedBy === "background") this.#untold.takeBack();
    this.#reportNotBeforeMs = atMs + BACKOFF_MS;
  }

  unreachable(nowMs: number, cost: number): RateDecision | null {
    const atMs = this.#advance(nowMs);
    this.#crowd.ended();
    if (this.#untold.carriedBy === "ask") this.#untold.takeBack();
    const decision = this.#denial.recall(atMs, cost) ?? this.#alone.decide(atMs, cost);
    if (decision?.allowed === true) this.#untold.add(atMs, cost);
    return decision;
  }

  parting(nowMs: number): RateAsk | null {
    const atMs = this.#advance(nowMs);
    if (this.#untold.waiting === 0) return null;
    return { kind: "report", count: this.#untold.carry(atMs, "background") };
  }

  /** Units were admitted without a decision of this quota: they are told with the others. */
  admitted(nowMs: number, units: number): void {
    if (units > 0) this.#untold.add(this.#advance(nowMs), units);
  }

  /**
   * Whether the server has said nothing of this client for a window, nobody asks it and all is
   * told.
   */
  isUnheard(nowMs: number): boolean {
    const atMs = this.#advance(nowMs);
    const { waiting, carriedBy } = this.#untold;
    if (waiting > 0 || carriedBy !== null || this.#crowd.size > 0) return false;
    return atMs - this.#knownAtMs >= this.#limit.windowMs && this.#denial.recall(atMs, 1) === null;
  }

  #advance(nowMs: number): number {
    const atMs = this.#time.at(nowMs);
    this.#crowd.advance(atMs);
    this.#untold.advance(atMs);
    return atMs;
  }

  /**
   * What is left of the estimate if those who have asked are given a unit each, as they may be at
   * this moment.
   */
  #free(): number {
    const { waiting, carried } = this.#untold;
    return Math.max(0, this.#left - waiting - carried - this.#crowd.size);
  }

  /**
   * A denial where an ask would be answered wrongly: it can overtake the counts that are on their
   * way, and be given a unit that is used already. While much is on its way, and hardly anything
   * can have become free since the last word, nothing more is asked. Null where asking makes sense.
   */
  #refuse(atMs: number): RateDecision | null {
    const isUncounted = this.#untold.carried > this.#limit.limit * UNCOUNTED_PART;
    const isFresh = atMs - this.#knownAtMs + WAY_MS < this.#limit.windowMs * UNCOUNTED_PART;
    if (!isUncounted || !isFresh || this.#free() > 0)
      return this.#crowd.refuse(atMs, undefined, this.#untold.carried);
    const retryAfterMs = Math.max(WAY_MS, this.#resetAtMs - atMs);
    return { allowed: false, remaining: 0, resetMs: retryAfterMs, retryAfterMs };
  }

  /**
   * Where counts are reported at once, a request asks if its count would have to wait for the
   * report under way.
   */
  #isLate(): boolean {
    return this.#reportMs === 0 && this.#untold.carriedBy !== null;
  }

  #resetMs(atMs: number): number {
    return Math.max(this.#resetAtMs - atMs, Math.ceil(this.#limit.windowMs / this.#limit.limit));
  }

  #reportAfterMs(atMs: number): number {
    if (atMs < this.#strictUntilMs) return 0;
    const isSlow =
      this.#untold.waiting <= this.#limit.limit * SLOW_PART * SLOW_PART &&
      this.#left * 2 >= this.#limit.limit;
    return isSlow ? this.#slowMs : this.#reportMs;
  }

  /**
   * Of two answers whose asks were under way together the later one need not be the newer: the one
   * with less left is believed.
   */
  #know(atMs: number, askedAtMs: number, cost: number, answer: RateAnswer): void {
    this.#left = askedAtMs < this.#knownAtMs ? Math.min(this.#left, answer.remaining) : answer.remaining;
    this.#crowd.know(atMs, answer);
    this.#alone.know(atMs, answer.remaining);
    this.#resetAtMs = atMs + answer.resetMs;
    this.#knownAtMs = atMs;
    if (answer.allowed) return;
    this.#denial.remember(atMs, cost, answer);
    this.#crowd.denied(atMs);
    this.#strictUntilMs = atMs + this.#limit.windowMs;
  }
}
