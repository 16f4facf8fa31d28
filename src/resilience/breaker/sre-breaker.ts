import {
  ADMITTED,
  type Breaker,
  type BreakerAdmission,
  type BreakerOutcome,
  type BreakerView,
  TRIAL,
} from "./breaker.ts";
import { requireIntegerIn, requireNumberIn } from "../require-number-in.ts";
import { RollingWindow } from "../window/rolling-window.ts";
import { SteadyTime } from "../steady-time.ts";

export interface SreBreakerOptions {
  /** Length of the window in ms, 5000 if absent; a multiple of `buckets`. */
  readonly windowMs?: number;
  /** Parts of the window, 10 if absent. */
  readonly buckets?: number;
  /**
   * K: how many attempts each accepted one allows, in [1, 100]; 2 if absent. The lower, the sooner
   * it rejects.
   */
  readonly attemptsPerAccept?: number;
  /**
   * Attempts in the window without which nothing is rejected, an integer in [1, 1000000]; 10 if
   * absent.
   */
  readonly attemptsMin?: number;
  /**
   * Whether calls rejected here count as attempts: it then rejects more, but never more than 90 %.
   * False if absent.
   */
  readonly countRejections?: boolean;
  /**
   * A call is let through after this long without one, in ms, an integer in [1, 3600000]; 1000 if
   * absent.
   */
  readonly probeEveryMs?: number;
}

const ATTEMPTS_PER_ACCEPT_MAX = 100;
const ATTEMPTS_MAX = 1_000_000;
const PROBE_EVERY_MS_MAX = 3_600_000;
/** Counting its own rejections it would feed on itself and never let go. */
const PROBABILITY_MAX_COUNTING = 0.9;

/**
 * Client-side throttling (Google, "Site Reliability Engineering", ch. 21): rejects with
 * `p = max(0, (attempts - K·accepts) / (attempts + 1))`, so that a failing upstream gets about K
 * times the load that it accepts. It never opens altogether: it leaks more than a breaker with
 * states, and recovers more smoothly. An attempt counts when it is sent, so one that hangs weighs
 * like a failed one until it ends.
 *
 * @throws RangeError for an option out of range
 */
export class SreBreaker implements Breaker {
  readonly #window: RollingWindow<"sent" | "accepted" | "failed" | "rejected">;
  readonly #time: SteadyTime;
  readonly #attemptsPerAccept: number;
  readonly #attemptsMin: number;
  readonly #countRejections: boolean;
  readonly #probeEveryMs: number;
  #lastSentMs = Number.NEGATIVE_INFINITY;

  constructor({
    windowMs = 5_000,
    buckets = 10,
    attemptsPerAccept = 2,
    attemptsMin = 10,
    countRejections = false,
    probeEveryMs = 1_000,
  }: SreBreakerOptions = {}) {
    requireNumberIn("attemptsPerAccept", attemptsPerAccept, 1, ATTEMPTS_PER_ACCEPT_MAX);
    requireIntegerIn("attemptsMin", attemptsMin, 1, ATTEMPTS_MAX);
    requireIntegerIn("probeEveryMs", probeEveryMs, 1, PROBE_EVERY_MS_MAX);
    this.#window = new RollingWindow({
      windowMs,
      buckets,
      events: ["sent", "accepted", "failed", "rejected"],
    });
    this.#time = new SteadyTime(Math.max(windowMs, probeEveryMs));
    this.#attemptsPerAccept = attemptsPerAccept;
    this.#attemptsMin = attemptsMin;
    this.#countRejections = countRejections;
    this.#probeEveryMs = probeEveryMs;
  }

  admit(nowMs: number, random: number): BreakerAdmission {
    const atMs = this.#time.at(nowMs);
    if (random >= this.#rejectProbability(atMs)) return this.#send(atMs, ADMITTED);
    const probeInMs = this.#lastSentMs + this.#probeEveryMs - atMs;
    if (probeInMs <= 0) return this.#send(atMs, TRIAL);
    if (this.#countRejections) this.#window.add(atMs, "rejected");
    return { kind: "rejected", retryAfterMs: probeInMs };
  }

  record(nowMs: number, outcome: BreakerOutcome): void {
    const atMs = this.#time.at(nowMs);
    if (outcome === "success") this.#window.add(atMs, "accepted");
    else if (outcome === "failure") this.#window.add(atMs, "failed");
    // It says nothing, so it should not count as an attempt either.
    else this.#window.add(atMs, "sent", -1);
  }

  /** `half_open` while it rejects some: it never opens altogether. */
  view(nowMs: number): BreakerView {
    const atMs = this.#time.at(nowMs);
    return {
      state: this.#rejectProbability(atMs) > 0 ? "half_open" : "closed",
      total: this.#attempts(atMs),
      failures: this.#window.sum(atMs, "failed"),
    };
  }

  #send(atMs: number, admission: BreakerAdmission): BreakerAdmission {
    this.#lastSentMs = atMs;
    this.#window.add(atMs, "sent");
    return admission;
  }

  #rejectProbability(atMs: number): number {
    const attempts = this.#attempts(atMs);
    if (attempts < this.#attemptsMin) return 0;
    const tooMany = attempts - this.#attemptsPerAccept * this.#window.sum(atMs, "accepted");
    const probability = Math.max(0, tooMany / (attempts + 1));
    return this.#countRejections ? Math.min(probability, PROBABILITY_MAX_COUNTING) : probability;
  }

  /** Not below 0: the sending of a call may have left the window before its cancelling. */
  #attempts(atMs: number): number {
    return Math.max(0, this.#window.sum(atMs, "sent") + this.#window.sum(atMs, "rejected"));
  }
}
