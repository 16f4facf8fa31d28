/*
 * What always holds of an isolate's part of a shared breaker:
 *
 * I21: No call waits for the shared state: what to do with it is decided by what is known.
 * I22: One trial at a time; a second begins only when the caller of the first is taken for gone.
 * I23: A lease is for one call, the next one, however late; only a cancelled probe gets it back.
 * I24: No older verdict takes the place of a newer one while that holds.
 * I25: What was seen in one state of the breaker is never told as seen in another.
 * I26: Without a verdict the engine decides, opened first if the last word was open, as of then.
 */

import {
  ADMITTED,
  type Breaker,
  type BreakerAdmission,
  type BreakerOutcome,
  type BreakerView,
  type SteerableBreaker,
  TRIAL,
} from "./breaker.ts";
import type { BreakerReport, BreakerVerdict } from "./shared-breaker-state.ts";
import { BreakerReports } from "./breaker-reports.ts";
import type { ReportPace } from "./report-turns.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";

export interface SharedBreakerOptions {
  /**
   * Decides alone where the shared state is out of reach, and notices first when this isolate's
   * calls fail.
   */
  readonly engine: SteerableBreaker;
  /** Names this isolate to the shared state. */
  readonly reporter: string;
  /** In [0, 1): isolates that fail at the same moment don't all say so at once. */
  readonly random: () => number;
  readonly options?: {
    /**
     * For how long a verdict holds, in ms, an integer in [1, 60000]; 3000 if absent. That it is
     * open holds for longer by what reports are kept further apart.
     */
    readonly verdictMs?: number;
    /**
     * How far apart reports are at least, unless the shared state asks for more, and local trials,
     * in ms, an integer in [1, 60000]; 1000 if absent.
     */
    readonly reportEveryMs?: number;
    /**
     * After this long without an outcome the caller of a trial is taken for gone, in ms, an integer
     * in [1, 3600000]; 5000 if absent.
     */
    readonly trialTimeoutMs?: number;
  };
}

/**
 * A trial under way, by who let it begin: the shared state (`leased`), the engine, deciding
 * `alone`, or this isolate against the shared state's word (`disputed`).
 */
interface Trial {
  readonly kind: "leased" | "alone" | "disputed";
  readonly startedMs: number;
  /** The version that was open when it began. */
  readonly openVersion: number | null;
}

const MS_MAX = 60_000;
const TRIAL_TIMEOUT_MS_MAX = 3_600_000;
/** Of a report made before the first verdict. */
const VERSION_UNKNOWN = 0;

/**
 * An isolate's part of a breaker whose state is shared through a `SharedBreakerState`. It decides
 * by what it knows and never waits: whoever owns it calls `takeReport` after each call, sends what
 * it gives, and tells the answer (`learn`) or that there is none (`reportFailed`).
 *
 * While a verdict holds: open means that one call for each lease is let through; closed means that
 * all are, unless the engine has tripped: then none are until the next verdict, and if that still
 * says closed, one a second. Without a verdict the engine decides alone, opened first if the last
 * word was open, as of that word. A lease is kept until the next call, however late that comes: it
 * may be the only one that finds out.
 *
 * @throws RangeError for an option out of range
 */
export class SharedBreaker implements Breaker {
  readonly #engine: SteerableBreaker;
  readonly #reports: BreakerReports;
  readonly #time: SteadyTime;
  readonly #verdictMs: number;
  readonly #reportEveryMs: number;
  readonly #trialTimeoutMs: number;
  readonly #rejected: BreakerAdmission;
  #version: number | null = null;
  #isOpen = false;
  #verdictAtMs = Number.NEGATIVE_INFINITY;
  /** When it was last heard, or found out by a probe, that the upstream fails. */
  #failingAtMs = Number.NEGATIVE_INFINITY;
  /** From when on the next call may be a probe; infinity without a lease. */
  #leaseFromMs = Number.POSITIVE_INFINITY;
  #isDisputed = false;
  #nextDisputeMs = 0;
  #trial: Trial | null = null;
  /** The last word was open, so going alone begins with an open engine. */
  #opensAlone = false;

  constructor({
    engine,
    reporter,
    random,
    options: { verdictMs = 3_000, reportEveryMs = 1_000, trialTimeoutMs = 5_000 } = {},
  }: SharedBreakerOptions) {
    requireIntegerIn("verdictMs", verdictMs, 1, MS_MAX);
    requireIntegerIn("reportEveryMs", reportEveryMs, 1, MS_MAX);
    requireIntegerIn("trialTimeoutMs", trialTimeoutMs, 1, TRIAL_TIMEOUT_MS_MAX);
    this.#engine = engine;
    this.#reports = new BreakerReports({ reporter, reportEveryMs, answerTimeoutMs: verdictMs, random });
    this.#time = new SteadyTime(verdictMs);
    this.#verdictMs = verdictMs;
    this.#reportEveryMs = reportEveryMs;
    this.#trialTimeoutMs = trialTimeoutMs;
    this.#rejected = { kind: "rejected", retryAfterMs: reportEveryMs };
  }

  admit(nowMs: number, random: number): BreakerAdmission {
    // I21
    const atMs = this.#time.at(nowMs);
    if (atMs >= this.#leaseFromMs && !this.#isTrying(atMs)) return this.#admitTrial(atMs, "leased", true);
    if (!this.#hasVerdict(atMs)) return this.#admitAlone(atMs, random);
    if (this.#isOpen) return this.#admitTrial(atMs, "leased", false);
    if (this.#engine.isClosed) return ADMITTED;
    return this.#admitTrial(atMs, "disputed", this.#isDisputed && atMs >= this.#nextDisputeMs);
  }

  record(nowMs: number, outcome: BreakerOutcome, admission: "admitted" | "trial"): void {
    const atMs = this.#time.at(nowMs);
    if (outcome !== "cancelled") this.#reports.count(atMs, outcome);
    if (admission === "trial") {
      this.#endTrial(atMs, outcome);
    } else {
      const wasClosed = this.#engine.isClosed;
      this.#engine.record(atMs, outcome, "admitted");
      if (wasClosed && !this.#engine.isClosed) this.#reports.hurry(atMs);
    }
  }

  /** What to tell the shared state now, null if nothing is due. Cheap: asked after every call. */
  takeReport(nowMs: number): BreakerReport | null {
    return this.#reports.take(this.#time.at(nowMs), this.#version ?? VERSION_UNKNOWN);
  }

  /** The answer to the report taken last. */
  learn(nowMs: number, verdict: BreakerVerdict): void {
    const { state, version, probeLeaseMs } = verdict;
    const atMs = this.#time.at(nowMs);
    const isFirst = this.#version === null;
    const known = this.#version ?? VERSION_UNKNOWN;
    // The shared state counts only what was seen in the state it is in. Told with the right version
    // the same counts are of use.
    const wasCounted = !isFirst || version === known;
    const sentAtMs = this.#reports.settle(wasCounted, paceOf(verdict));
    // I24
    if (version < known && this.#hasVerdict(atMs)) return;
    if (version !== known) {
      this.#leaseFromMs = Number.POSITIVE_INFINITY;
      // I25
      if (!isFirst) this.#reports.forget();
    }
    const isNew = version > known && !isFirst;
    this.#version = version;
    this.#verdictAtMs = atMs;
    this.#isOpen = state === "open";
    if (this.#isOpen) this.#failingAtMs = atMs;
    this.#opensAlone = this.#isOpen;
    if (!this.#isOpen && isNew) this.#engine.reset();
    this.#isDisputed = !this.#engine.isClosed;
    if (sentAtMs !== null && this.#isOpen && probeLeaseMs > 0) this.#leaseFromMs = atMs;
  }

  /** The report taken last got no answer. Its contents wait for the next one. */
  reportFailed(nowMs: number): void {
    this.#reports.failed(this.#time.at(nowMs));
  }

  view(nowMs: number): BreakerView {
    const atMs = this.#time.at(nowMs);
    const view = this.#engine.view(atMs);
    if (!this.#hasVerdict(atMs)) return view;
    if (!this.#isOpen && this.#engine.isClosed) return view;
    return { ...view, state: this.#trial === null ? "open" : "half_open" };
  }

  #hasVerdict(atMs: number): boolean {
    // An open state is heard of again with the next report, and so is its end. Many isolates on
    // their own would send a trial each.
    const turnMs = this.#isOpen ? this.#reports.turnMsMax : 0;
    return atMs - this.#verdictAtMs < this.#verdictMs + Math.max(0, turnMs - this.#reportEveryMs);
  }

  #admitAlone(atMs: number, random: number): BreakerAdmission {
    // A probe of the shared state's is under way, or comes first.
    const hasLease = this.#leaseFromMs < Number.POSITIVE_INFINITY;
    if (hasLease || (this.#isOpen && this.#isTrying(atMs))) return this.#admitTrial(atMs, "leased", false);
    // An engine that was spared the failures by the shared state would open the gate to an upstream
    // last heard of as dead.
    // I26
    if (this.#opensAlone) this.#engine.trip(atMs, this.#failingAtMs);
    this.#opensAlone = false;
    const admission = this.#engine.admit(atMs, random);
    if (admission.kind === "trial") this.#beginTrial(atMs, "alone");
    if (admission.kind === "rejected") this.#reports.askForVerdict(atMs);
    return admission;
  }

  /**
   * One trial at a time: two would pile up on an upstream that hangs, and their outcomes could not
   * be told apart.
   */
  #admitTrial(atMs: number, kind: Trial["kind"], isDue: boolean): BreakerAdmission {
    // I22
    if (isDue && !this.#isTrying(atMs)) {
      // I23
      this.#leaseFromMs = Number.POSITIVE_INFINITY;
      this.#nextDisputeMs = atMs + this.#reportEveryMs;
      this.#beginTrial(atMs, kind);
      return TRIAL;
    }
    this.#reports.askForVerdict(atMs);
    return this.#rejected;
  }

  #isTrying(atMs: number): boolean {
    return this.#trial !== null && atMs - this.#trial.startedMs < this.#trialTimeoutMs;
  }

  #beginTrial(atMs: number, kind: Trial["kind"]): void {
    this.#trial = { kind, startedMs: atMs, openVersion: this.#isOpen ? this.#version : null };
  }

  #endTrial(atMs: number, outcome: BreakerOutcome): void {
    const trial = this.#trial;
    if (trial === null) return;
    this.#trial = null;
    if (trial.kind === "leased" && outcome === "failure") {
      this.#failingAtMs = atMs;
      this.#opensAlone = this.#isOpen;
    }
    if (trial.kind === "alone") this.#engine.record(atMs, outcome, "trial");
    if (trial.kind === "disputed" && outcome === "success") this.#engine.reset();
    const isOfThisState = trial.openVersion !== null && trial.openVersion === this.#version;
    if (isOfThisState && outcome !== "cancelled")
      this.#reports.probed(atMs, outcome === "success" ? "succeeded" : "failed");
    // It found nothing out: the right to it is kept, for one call in the time of a lease.
    if (isOfThisState && outcome === "cancelled" && trial.kind === "leased")
      this.#leaseFromMs = trial.startedMs + this.#reportEveryMs;
    this.#reports.hurry(atMs, trial.kind === "leased");
  }
}

/** Null from a shared state of the release before, which doesn't say. */
function paceOf({ reportAfterMs, quietAfterMs }: BreakerVerdict): ReportPace | null {
  return reportAfterMs === undefined || quietAfterMs === undefined ? null : { reportAfterMs, quietAfterMs };
}
