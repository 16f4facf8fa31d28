import { requireIntegerIn, requireNumberIn } from "../require-number-in.ts";
import { RollingWindow } from "../window/rolling-window.ts";
import { SteadyTime } from "../steady-time.ts";

export interface TripRule {
  /** Length of the window in ms, 10000 if absent; a multiple of `buckets`. */
  readonly windowMs?: number;
  /** Parts of the window, 10 if absent. */
  readonly buckets?: number;
  /**
   * Calls in the window without which nothing is concluded, an integer in [1, 1000000]; 20 if
   * absent.
   */
  readonly callsMin?: number;
  /**
   * Share of failed calls from which on an upstream counts as failing, in [0.01, 1]; 0.5 if absent.
   */
  readonly failureRatio?: number;
}

const CALLS_MAX = 1_000_000;
const RATIO_MIN = 0.01;

/**
 * Whether an upstream is failing: at least `callsMin` calls in the window, and at least
 * `failureRatio` of them failed. The rule of Netflix Hystrix
 * (`circuitBreaker.requestVolumeThreshold`, `errorThresholdPercentage`), with its defaults.
 *
 * @throws RangeError for an option out of range
 */
export class TripWindow {
  readonly #window: RollingWindow<"success" | "failure">;
  readonly #time: SteadyTime;
  readonly #windowMs: number;
  readonly #callsMin: number;
  readonly #failureRatio: number;
  #lastFailureMs = Number.NEGATIVE_INFINITY;

  constructor({ windowMs = 10_000, buckets = 10, callsMin = 20, failureRatio = 0.5 }: TripRule = {}) {
    requireIntegerIn("callsMin", callsMin, 1, CALLS_MAX);
    requireNumberIn("failureRatio", failureRatio, RATIO_MIN, 1);
    this.#window = new RollingWindow({ windowMs, buckets, events: ["success", "failure"] });
    this.#time = new SteadyTime(windowMs);
    this.#windowMs = windowMs;
    this.#callsMin = callsMin;
    this.#failureRatio = failureRatio;
  }

  add(nowMs: number, outcome: "success" | "failure", count = 1): void {
    // The window has a steady time of its own: given ours, it would add its offset to ours after a
    // clock was set back.
    this.#window.add(nowMs, outcome, count);
    const atMs = this.#time.at(nowMs);
    if (outcome === "failure") this.#lastFailureMs = atMs;
  }

  /** Counts calls that ended `agoMs` before `nowMs` and are told only now. */
  addLate(nowMs: number, outcome: "success" | "failure", count: number, agoMs: number): void {
    this.#window.addLate(nowMs, outcome, count, agoMs);
    const endedAtMs = this.#time.at(nowMs) - agoMs;
    if (outcome === "failure" && count > 0) this.#lastFailureMs = Math.max(this.#lastFailureMs, endedAtMs);
  }

  isFailing(nowMs: number): boolean {
    const atMs = this.#time.at(nowMs);
    // Nearly all calls succeed, and then nothing needs to be summed up.
    if (atMs - this.#lastFailureMs >= this.#windowMs) return false;
    const failures = this.failures(nowMs);
    const total = failures + this.#window.sum(nowMs, "success");
    // Divided, not multiplied: 3 of 30 are 0.1, while 0.1 * 30 is more than 3.
    return total >= this.#callsMin && failures / total >= this.#failureRatio;
  }

  /** Calls within the window. */
  total(nowMs: number): number {
    return this.#window.sum(nowMs, "success") + this.failures(nowMs);
  }

  /** Failed calls within the window. */
  failures(nowMs: number): number {
    return this.#window.sum(nowMs, "failure");
  }

  reset(): void {
    this.#window.reset();
    this.#lastFailureMs = Number.NEGATIVE_INFINITY;
  }
}
