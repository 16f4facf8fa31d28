import {
  ADMITTED,
  type BreakerAdmission,
  type BreakerOutcome,
  type BreakerView,
  type SteerableBreaker,
  TRIAL,
} from "./breaker.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";
import { type TripRule, TripWindow } from "./trip-window.ts";

export interface HystrixBreakerOptions extends TripRule {
  /**
   * How long it stays open before the first trial, in ms, an integer in [1, 3600000]; 5000 if
   * absent. Doubled by each failed trial.
   */
  readonly openMs?: number;
  /** What doubling ends at, in ms, an integer in [openMs, 3600000]; 60000 if absent. */
  readonly openMsMax?: number;
  /** Trials under way at once while half open, an integer in [1, 100]; 1 if absent. */
  readonly trials?: number;
  /**
   * After this long without an outcome the caller of a trial is taken for gone, in ms, an integer
   * in [1, 3600000]; 5000 if absent.
   */
  readonly trialTimeoutMs?: number;
}

type State =
  | { readonly kind: "closed" }
  | { readonly kind: "open"; readonly untilMs: number; readonly openMs: number }
  | {
      readonly kind: "half_open";
      readonly openMs: number;
      readonly underWay: number;
      readonly lastTrialMs: number;
    };

type Happening =
  | "tripped"
  | "trial_began"
  | "trials_vanished"
  | "trial_succeeded"
  | "trial_failed"
  | "trial_cancelled"
  | "reset";

const MS_MAX = 3_600_000;
const TRIALS_MAX = 100;
/** A trial is seldom slower than this, whatever its time limit. */
const RETRY_DURING_TRIAL_MS = 1_000;
/** No more trials than one a second reach an upstream that fails, whoever hangs up. */
const AFTER_CANCELLED_MS = 1_000;
const CLOSED: State = { kind: "closed" };

/**
 * The circuit breaker of Netflix Hystrix (`HystrixCircuitBreaker`; Nygard, "Release It!"): opens
 * when too many calls of a window fail, lets a trial through after a while, closes if one succeeds
 * and reopens if one fails, then for twice as long. After a cancelled trial the next one comes
 * within a second, since it has found out nothing: whoever hangs up would else keep all others out
 * for the whole wait. What ends late, after the breaker opened, is not counted.
 *
 * @throws RangeError for an option out of range
 */
export class HystrixBreaker implements SteerableBreaker {
  readonly #window: TripWindow;
  readonly #time: SteadyTime;
  readonly #openMs: number;
  readonly #openMsMax: number;
  readonly #trials: number;
  readonly #trialTimeoutMs: number;
  readonly #busy: BreakerAdmission;
  #state: State = CLOSED;

  constructor({
    openMs = 5_000,
    openMsMax = 60_000,
    trials = 1,
    trialTimeoutMs = 5_000,
    ...rule
  }: HystrixBreakerOptions = {}) {
    requireIntegerIn("openMs", openMs, 1, MS_MAX);
    requireIntegerIn("openMsMax", openMsMax, openMs, MS_MAX);
    requireIntegerIn("trials", trials, 1, TRIALS_MAX);
    requireIntegerIn("trialTimeoutMs", trialTimeoutMs, 1, MS_MAX);
    this.#window = new TripWindow(rule);
    this.#time = new SteadyTime(openMsMax);
    this.#openMs = openMs;
    this.#openMsMax = openMsMax;
    this.#trials = trials;
    this.#trialTimeoutMs = trialTimeoutMs;
    this.#busy = { kind: "rejected", retryAfterMs: Math.min(RETRY_DURING_TRIAL_MS, trialTimeoutMs) };
  }

  get isClosed(): boolean {
    return this.#state.kind === "closed";
  }

  admit(nowMs: number): BreakerAdmission {
    const state = this.#state;
    if (state.kind === "closed") return ADMITTED;
    const atMs = this.#time.at(nowMs);
    if (state.kind === "open") {
      if (atMs < state.untilMs) return { kind: "rejected", retryAfterMs: state.untilMs - atMs };
    } else if (state.underWay >= this.#trials) {
      // Without this a caller that vanished would keep everybody out for good.
      if (atMs - state.lastTrialMs < this.#trialTimeoutMs) return this.#busy;
      this.#transition(atMs, "trials_vanished");
    }
    this.#transition(atMs, "trial_began");
    return TRIAL;
  }

  record(nowMs: number, outcome: BreakerOutcome, admission: "admitted" | "trial"): void {
    const atMs = this.#time.at(nowMs);
    if (this.#state.kind === "closed") {
      if (outcome === "cancelled") return;
      this.#window.add(atMs, outcome);
      if (this.#window.isFailing(atMs)) this.#transition(atMs, "tripped");
    } else if (this.#state.kind === "half_open" && admission === "trial") {
      this.#transition(atMs, TRIAL_ENDED[outcome]);
    }
  }

  trip(nowMs: number, sinceMs = nowMs): void {
    const atMs = this.#time.at(nowMs) - Math.max(0, nowMs - sinceMs);
    if (this.#state.kind === "closed") this.#transition(atMs, "tripped");
    if (this.#state.kind === "open")
      this.#state = { ...this.#state, untilMs: Math.max(this.#state.untilMs, atMs + this.#openMs) };
  }

  reset(): void {
    this.#transition(this.#time.lastMs, "reset");
  }

  view(nowMs: number): BreakerView {
    const atMs = this.#time.at(nowMs);
    return {
      state: this.#state.kind,
      total: this.#window.total(atMs),
      failures: this.#window.failures(atMs),
    };
  }

  #transition(atMs: number, happening: Happening): void {
    const was = this.#state;
    const openMs = was.kind === "closed" ? this.#openMs : was.openMs;
    const underWay = was.kind === "half_open" ? was.underWay : 0;
    switch (happening) {
      case "tripped":
        this.#state = open(atMs, openMs);
        break;
      case "trial_cancelled":
        this.#state = { kind: "open", untilMs: atMs + Math.min(openMs, AFTER_CANCELLED_MS), openMs };
        break;
      case "trial_failed":
        this.#state = open(atMs, Math.min(2 * openMs, this.#openMsMax));
        break;
      case "trial_began":
        this.#state = { kind: "half_open", openMs, underWay: underWay + 1, lastTrialMs: atMs };
        break;
      case "trials_vanished":
        this.#state = { kind: "half_open", openMs, underWay: 0, lastTrialMs: atMs };
        break;
      case "trial_succeeded":
      case "reset":
        this.#state = CLOSED;
        this.#window.reset();
        break;
    }
  }
}

function open(atMs: number, openMs: number): State {
  return { kind: "open", untilMs: atMs + openMs, openMs };
}

const TRIAL_ENDED: Readonly<Record<BreakerOutcome, Happening>> = {
  success: "trial_succeeded",
  failure: "trial_failed",
  cancelled: "trial_cancelled",
};
