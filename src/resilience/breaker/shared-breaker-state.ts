import type { BreakerView } from "./breaker.ts";
import { SECONDS_KEPT, type SecondOfCalls } from "./recent-calls.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";
import { type TripRule, TripWindow } from "./trip-window.ts";

/** What an isolate saw since its last report. */
export interface BreakerReport {
  /** Who reports: one name for the life of an isolate. */
  readonly reporter: string;
  /** Calls that ended well, and calls that failed. */
  readonly ok: number;
  readonly failed: number;
  /**
   * How the probe ended that this reporter sent while the state was open, null if there was none.
   */
  readonly probe: "succeeded" | "failed" | null;
  /** Of the last verdict, 0 before the first: the state in which all this was seen. */
  readonly version: number;
  /**
   * The same calls by age: first those of the second in progress, ten at most. Absent where
   * none is older than the second before.
   */
  readonly recent?: readonly SecondOfCalls[];
  /** How many reports it stands for, being one of those that are seldom; 1 if absent. */
  readonly weight?: number;
  /** How far apart this reporter keeps its reports, in ms, where it was told to. */
  readonly keptMs?: number;
}

export interface BreakerVerdict {
  readonly state: "closed" | "open";
  /** One more with each opening and each closing. */
  readonly version: number;
  /**
   * Above 0: this reporter may send one probe, with its next call. So many ms later another may get
   * the same right; 0 = not at all.
   */
  readonly probeLeaseMs: number;
  /**
   * How soon to report again, in ms: if something fails or is rejected, and if nothing does. Absent
   * from one that knows of neither: a second then.
   */
  readonly reportAfterMs?: number;
  readonly quietAfterMs?: number;
}

/** What must survive a restart, safe to serialise as JSON. Times are ms since the epoch. */
export type StoredBreakerState =
  | { readonly state: "closed"; readonly version: number }
  | {
      readonly state: "open";
      readonly version: number;
      readonly openedAtMs: number;
      /**
       * The last lease given: nobody gets the next one before it ends. Its holder may probe later
       * as well: the right to it is kept until the next call.
       */
      readonly lease: { readonly holder: string; readonly untilMs: number } | null;
    };

export interface SharedBreakerStateView extends BreakerView {
  readonly version: number;
  readonly openedAtMs: number | null;
  /** The reporter that may probe at the moment. */
  readonly probing: string | null;
}

export interface SharedBreakerStateOptions extends TripRule {
  /**
   * How often a lease begins, and how long it lasts, in ms, an integer in [1, 60000]; 1000 if
   * absent.
   */
  readonly leaseMs?: number;
}

const LEASE_MS_MAX = 60_000;
/**
 * A holder that has not probed is passed over for so many leases: it keeps the right, and whoever
 * calls sooner gets the next. Then its answer was lost.
 */
const HOLDER_LEASES = 5;
/** More than an isolate can call in the ten seconds for which it keeps counts. */
const COUNT_MAX = 1_000_000;
const REPORTER_LENGTH_MAX = 100;
/** A quiet reporter is about five times as seldom as one that fails, no more. */
const WEIGHT_MAX = 10;

/**
 * The state of one breaker, shared by all that call its upstream; each tells what it saw and learns
 * the verdict. Trips by the rule of Hystrix over the sum of all reports. While open, one reporter
 * at a time holds a lease (Gray and Cheriton 1989) to send one probe, and one that succeeds closes
 * it. A report made in an earlier state is answered, but not counted: what failed before the repair
 * says nothing about after, nor does what succeeded before the failure. There is one exception:
 * what succeeds after the opening, in an isolate that has not heard of it though all had the time
 * to, counts as a probe. So an opening from before the platform stopped ends with the first call
 * after its start.
 *
 * `state` is another object exactly when it has to be persisted, before the verdict is sent: at
 * each opening, closing and lease, so that a restarted object neither opens the gate nor gives a
 * second lease. Counts are not persisted: failures that go on are soon counted again.
 *
 * @throws RangeError for an option out of range
 */
export class SharedBreakerState {
  readonly #window: TripWindow;
  readonly #time: SteadyTime;
  readonly #leaseMs: number;
  #state: StoredBreakerState;
  /**
   * Whether the holder of the last lease has told how its probe ended. After a restart that isn't
   * known, and nobody is passed over.
   */
  #hasProbed = true;

  constructor(
    { leaseMs = 1_000, ...rule }: SharedBreakerStateOptions = {},
    state: StoredBreakerState = { state: "closed", version: 0 },
  ) {
    requireIntegerIn("leaseMs", leaseMs, 1, LEASE_MS_MAX);
    this.#window = new TripWindow(rule);
    this.#leaseMs = leaseMs;
    this.#state = state;
    this.#time = new SteadyTime(leaseMs, lastSeenMs(state, leaseMs));
  }

  get state(): StoredBreakerState {
    return this.#state;
  }

  /**
   * Counts a report and answers it.
   *
   * @param heardWithinMs - how soon whoever fails or is rejected has heard of an opening; a lease
   *   if absent
   */
  report(nowMs: number, report: BreakerReport, heardWithinMs = this.#leaseMs): BreakerVerdict {
    const atMs = this.#time.at(nowMs);
    if (report.version === this.#state.version) this.#count(atMs, report);
    else if (this.#wasProbe(atMs, report, heardWithinMs)) this.#close();
    const probeLeaseMs = this.#lease(atMs, report.reporter);
    return { state: this.#state.state, version: this.#state.version, probeLeaseMs };
  }

  view(nowMs: number): SharedBreakerStateView {
    const atMs = this.#time.at(nowMs);
    const state = this.#state;
    const counts = {
      version: state.version,
      total: Math.round(this.#window.total(atMs)),
      failures: this.#window.failures(atMs),
    };
    if (state.state === "closed") return { state: "closed", openedAtMs: null, probing: null, ...counts };
    const probing = state.lease !== null && atMs < state.lease.untilMs ? state.lease.holder : null;
    const openedAtMs = this.#time.callersMs(state.openedAtMs);
    return { state: probing === null ? "open" : "half_open", openedAtMs, probing, ...counts };
  }

  #count(atMs: number, report: BreakerReport): void {
    const { reporter, ok, failed, probe, recent = [{ ok, failed }], weight = 1 } = report;
    const version = this.#state.version + 1;
    if (this.#state.state === "open") {
      if (probe === "succeeded") this.#close();
      else if (probe === "failed" && this.#state.lease?.holder === nameOf(reporter)) this.#hasProbed = true;
      return;
    }
    const times = Math.min(Math.max(1, weight), WEIGHT_MAX);
    for (const [age, second] of recent.slice(0, SECONDS_KEPT).entries()) {
      this.#window.addLate(atMs, "success", bounded(second.ok) * times, age * 1_000);
      this.#window.addLate(atMs, "failure", bounded(second.failed), age * 1_000);
    }
    if (this.#window.isFailing(atMs)) this.#state = { state: "open", version, openedAtMs: atMs, lease: null };
  }

  /**
   * Whether calls of somebody who has not heard of the opening were as good as a probe: all ended
   * well, the last one a moment ago, since that is when one reports. A lease later than all who
   * called before have heard of the opening, that call began after it as well.
   */
  #wasProbe(atMs: number, { ok, failed }: BreakerReport, heardWithinMs: number): boolean {
    return (
      this.#state.state === "open" &&
      atMs - this.#state.openedAtMs >= this.#leaseMs + heardWithinMs &&
      ok > 0 &&
      failed === 0
    );
  }

  #close(): void {
    this.#window.reset();
    this.#state = { state: "closed", version: this.#state.version + 1 };
  }

  /**
   * Who asks first gets the lease, but not the same reporter twice running unless it has probed:
   * one that calls less often than once a lease would keep it from all others. Its probe may also
   * be under way.
   */
  #lease(atMs: number, reporter: string): number {
    const state = this.#state;
    if (state.state === "closed") return 0;
    if (atMs < (state.lease?.untilMs ?? state.openedAtMs + this.#leaseMs)) return 0;
    const holder = nameOf(reporter);
    const isKept = state.lease !== null && state.lease.holder === holder && !this.#hasProbed;
    if (isKept && atMs < state.lease.untilMs + (HOLDER_LEASES - 1) * this.#leaseMs) return 0;
    this.#state = { ...state, lease: { holder, untilMs: atMs + this.#leaseMs } };
    this.#hasProbed = false;
    return this.#leaseMs;
  }
}

/**
 * When the state was last changed: if the clock was set back since, a lease must not end in the far
 * future.
 */
function lastSeenMs(state: StoredBreakerState, leaseMs: number): number {
  if (state.state === "closed") return 0;
  return state.lease === null ? state.openedAtMs : state.lease.untilMs - leaseMs;
}

function nameOf(reporter: string): string {
  return reporter.slice(0, REPORTER_LENGTH_MAX);
}

function bounded(count: number): number {
  return count > 0 ? Math.min(Math.floor(count), COUNT_MAX) : 0;
}
