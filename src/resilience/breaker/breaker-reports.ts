import { byAge, type CallsBySecond, RecentCalls, sumOf } from "./recent-calls.ts";
import { type ReportPace, ReportTurns } from "./report-turns.ts";
import type { BreakerReport } from "./shared-breaker-state.ts";

export interface BreakerReportsOptions {
  readonly reporter: string;
  /**
   * Reports are sent this far apart at least, in ms, unless one is urgent or the shared state says
   * otherwise.
   */
  readonly reportEveryMs: number;
  /** After this long without an answer or a failure a report is taken for lost, in ms. */
  readonly answerTimeoutMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** A report on its way. */
interface Sent {
  readonly calls: CallsBySecond;
  readonly probe: BreakerReport["probe"];
  readonly atMs: number;
}

/**
 * What an isolate has to tell the shared breaker, and when: one report under way, as far apart as
 * the shared state has said (a second before it has), sooner where waiting would cost. Counts of a
 * report that got lost go into the next one, but none that are older than 10 s. Times are steady
 * ms: the owner sees to that.
 */
export class BreakerReports {
  readonly #options: BreakerReportsOptions;
  readonly #calls = new RecentCalls();
  readonly #turns: ReportTurns;
  #probe: BreakerReport["probe"] = null;
  #wantsVerdict = false;
  #countedAtMs = 0;
  #sent: Sent | null = null;

  constructor(options: BreakerReportsOptions) {
    this.#options = options;
    this.#turns = new ReportTurns({ everyMs: options.reportEveryMs, random: options.random });
  }

  /** How long the next turn may be away, where the shared state has asked for turns; else 0. */
  get turnMsMax(): number {
    return this.#turns.turnMsMax;
  }

  count(atMs: number, outcome: "success" | "failure"): void {
    this.#calls.count(atMs, outcome);
    if (outcome === "failure") this.#turns.urge(atMs);
    this.#countedAtMs = atMs;
  }

  /** A probe has ended: this is what the others wait for. */
  probed(atMs: number, outcome: "succeeded" | "failed"): void {
    this.#probe = outcome;
    this.#turns.urge(atMs);
  }

  /** A verdict is of use even if there is nothing to tell: calls are being rejected. */
  askForVerdict(atMs: number): void {
    this.#wantsVerdict = true;
    this.#turns.urge(atMs);
  }

  /** The next report need not wait for its turn: if it `isAwaited`, or if nobody takes turns. */
  hurry(atMs: number, isAwaited = false): void {
    this.#turns.hurry(atMs, isAwaited);
  }

  /** The report to send now, null if nothing is due. After it comes `settle` or `failed`. */
  take(atMs: number, version: number): BreakerReport | null {
    if (this.#sent !== null) {
      if (atMs - this.#sent.atMs >= this.#options.answerTimeoutMs) this.failed(atMs);
      return null;
    }
    if (!this.#turns.isDue(atMs)) return null;
    if (this.#calls.isEmpty(atMs) && this.#probe === null && !this.#wantsVerdict) {
      this.#turns.calm();
      return null;
    }
    // What ended well a while ago says nothing of an opening that may have come since: a call that
    // found nothing out must not tell it as its own.
    const isOld = atMs - this.#countedAtMs > this.#options.reportEveryMs && !this.#calls.hasFailures(atMs);
    const calls = isOld ? [] : this.#calls.take(atMs);
    const report = this.#reportOf(atMs, calls, version);
    this.#sent = { calls, probe: this.#probe, atMs };
    this.#probe = null;
    this.#wantsVerdict = false;
    this.#turns.sent(atMs);
    return report;
  }

  /**
   * The report under way was answered, with the pace to go on at. If the answer shows that it
   * `wasCounted` not, its contents wait for the next one. Returns when it was sent, null if none is
   * under way any more.
   */
  settle(wasCounted: boolean, pace: ReportPace | null = null): number | null {
    const sent = this.#sent;
    this.#sent = null;
    if (sent === null) return null;
    this.#turns.told(sent.atMs, pace);
    if (!wasCounted) this.#takeBack(sent);
    return sent.atMs;
  }

  /** The report under way was lost: its contents wait for the next one, in a second or its turn. */
  failed(atMs: number): void {
    if (this.#sent !== null) this.#takeBack(this.#sent);
    this.#sent = null;
    this.#wantsVerdict = true;
    this.#turns.lost(atMs);
  }

  /** What was seen so far was seen in a state that has passed. */
  forget(): void {
    this.#calls.forget();
    this.#probe = null;
  }

  #reportOf(atMs: number, calls: CallsBySecond, version: number): BreakerReport {
    const { reporter } = this.#options;
    const recent = byAge(calls, atMs);
    const weight = this.#turns.quietWeight;
    const { keptMs } = this.#turns;
    return {
      reporter,
      ...sumOf(calls),
      probe: this.#probe,
      version,
      ...(recent.length > 2 ? { recent } : {}),
      ...(weight > 1 ? { weight } : {}),
      ...(keptMs === null ? {} : { keptMs }),
    };
  }

  #takeBack({ calls, probe, atMs }: Sent): void {
    this.#calls.putBack(calls);
    this.#probe ??= probe;
    if (calls.some(({ failed }) => failed > 0) || this.#probe !== null) this.#turns.urge(atMs);
  }
}
