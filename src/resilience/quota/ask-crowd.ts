import type { RateDecision, RateLimit } from "./rate-limit.ts";

/** How long the last answer tells how many asks make sense at once (ms). */
const KNOWN_MS = 250;
/** An ask is given up after this long (ms): the request that waited for it is gone. */
const ASK_MS_MAX = 5000;
const ASKS_MAX = 1024;

/**
 * One client's requests that wait for the server, and whether one more makes sense: each of those
 * under way may be given a unit, so that there is none for the next where they are as many as the
 * limit. Of a client that was denied a window ago or less (one that sends more than its limit) they
 * may be as many as were left a moment ago and have become free since, or one: a flood would else
 * ask once per request while it waits for the next denial. A client that was not denied lately is
 * spared that: more may have become free at once. Times are steady ms: the owner sees to that.
 */
export class AskCrowd {
  readonly #limit: RateLimit;
  /** When the asks were sent, the oldest first. */
  readonly #sentAtMs: number[] = [];
  #left: number;
  #knownAtMs = Number.NEGATIVE_INFINITY;
  /** When more than what is left was to become free. */
  #moreAtMs = Number.NEGATIVE_INFINITY;
  #pressedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(limit: RateLimit) {
    this.#limit = limit;
    this.#left = limit.limit;
  }

  /** Asks under way. */
  get size(): number {
    return this.#sentAtMs.length;
  }

  advance(atMs: number): void {
    while (this.#sentAtMs[0] !== undefined && atMs - this.#sentAtMs[0] > ASK_MS_MAX) this.#sentAtMs.shift();
  }

  sent(atMs: number): void {
    if (this.#sentAtMs.length >= ASKS_MAX) this.#sentAtMs.shift();
    this.#sentAtMs.push(atMs);
  }

  /**
   * An ask has ended, be it without an answer. Returns when the oldest one was sent: that one is
   * taken for it. Undefined if none was under way.
   */
  ended(): number | undefined {
    return this.#sentAtMs.shift();
  }

  /** The server's last word. */
  know(atMs: number, { remaining, resetMs }: RateDecision): void {
    this.#left = remaining;
    this.#knownAtMs = atMs;
    this.#moreAtMs = atMs + resetMs;
  }

  denied(atMs: number): void {
    this.#pressedUntilMs = atMs + this.#limit.windowMs;
  }

  /**
   * A denial where one more ask would bring one, or null. What is left is for those under way: its
   * holder may try again when the server said that more becomes free, or after `answerMs`, when
   * some of those have their answers, where that is later or nothing is known. Asks that overtake
   * the `uncounted` units on their way to the server would be given them again.
   */
  refuse(atMs: number, answerMs: number = KNOWN_MS, uncounted = 0): RateDecision | null {
    const isPressed = atMs < this.#pressedUntilMs && atMs - this.#knownAtMs <= KNOWN_MS;
    const { limit, windowMs } = this.#limit;
    const freed = Math.floor(((atMs - this.#knownAtMs) * limit) / windowMs);
    const asksMax = isPressed
      ? Math.min(limit, Math.max(1, this.#left + freed))
      : Math.max(1, limit - uncounted);
    if (this.#sentAtMs.length < asksMax) return null;
    const retryAfterMs = Math.max(answerMs, this.#moreAtMs - atMs);
    return { allowed: false, remaining: 0, resetMs: retryAfterMs, retryAfterMs };
  }
}
