import type { BreakerReport } from "./shared-breaker-state.ts";

export interface BreakerReportsOptions {
  readonly reporter: string;
  /** Reports are sent this far apart at least, in ms, unless one is urgent. */
  readonly reportEveryMs: number;
  /** After this long without an answer or a failure a report is taken for lost, in ms. */
  readonly answerTimeoutMs: number;
}

/** A report on its way. */
interface Sent {
  readonly report: BreakerReport;
  readonly atMs: number;
  /** When the oldest of its counts may have been made. */
  readonly sinceMs: number;
}

/**
 * Older failures say nothing about now: reported late, they would trip a breaker whose upstream is
 * well.
 */
const KEEP_MS = 10_000;

/**
 * What an isolate has to tell the shared breaker, and when: one report under way, one in a second,
 * sooner where waiting would cost. Counts of a report that got lost go into the next one, but none
 * that are older than 10 s. Times are steady ms: the owner sees to that.
 */
export class BreakerReports {
  readonly #options: BreakerReportsOptions;
  #ok = 0;
  #failed = 0;
  #probe: BreakerReport["probe"] = null;
  #wantsVerdict = false;
  #sinceMs = 0;
  #countedAtMs = 0;
  #nextMs = 0;
  #sent: Sent | null = null;

  constructor(options: BreakerReportsOptions) {
    this.#options = options;
  }

  count(atMs: number, outcome: "success" | "failure"): void {
    if (atMs - this.#sinceMs >= KEEP_MS) this.#forgetCounts(atMs);
    if (outcome === "success") this.#ok += 1;
    else this.#failed += 1;
    this.#countedAtMs = atMs;
  }

  /** A probe has ended: this is what the others wait for. */
  probed(outcome: "succeeded" | "failed"): void {
    this.#probe = outcome;
  }

  /** A verdict is of use even if there is nothing to tell: calls are being rejected. */
  askForVerdict(): void {
    this.#wantsVerdict = true;
  }

  /** The next report need not wait for its turn. */
  hurry(atMs: number): void {
    this.#nextMs = Math.min(this.#nextMs, atMs);
  }

  /** The report to send now, null if nothing is due. After it comes `settle` or `failed`. */
  take(atMs: number, version: number): BreakerReport | null {
    if (atMs < this.#nextMs) return null;
    if (this.#sent !== null) {
      if (atMs - this.#sent.atMs >= this.#options.answerTimeoutMs) this.failed(atMs);
      return null;
    }
    if (atMs - this.#sinceMs >= KEEP_MS) this.#forgetCounts(atMs);
    if (this.#ok + this.#failed === 0 && this.#probe === null && !this.#wantsVerdict) return null;
    // What ended well a while ago says nothing of an opening that may have come since: a call that
    // found nothing out must not tell it as its own.
    const isOld = this.#failed === 0 && atMs - this.#countedAtMs > this.#options.reportEveryMs;
    const [heldBack, sinceMs] = [isOld ? this.#ok : 0, this.#sinceMs];
    const report = {
      reporter: this.#options.reporter,
      ok: this.#ok - heldBack,
      failed: this.#failed,
      probe: this.#probe,
      version,
    };
    this.#sent = { report, atMs, sinceMs };
    this.forget(atMs);
    if (heldBack > 0) [this.#ok, this.#sinceMs] = [heldBack, sinceMs];
    this.#wantsVerdict = false;
    this.#nextMs = atMs + this.#options.reportEveryMs;
    return report;
  }

  /**
   * The report under way was answered. If the answer shows that it `wasCounted` not, its contents
   * wait for the next one. Returns when it was sent, null if none is under way any more.
   */
  settle(wasCounted: boolean): number | null {
    const sent = this.#sent;
    this.#sent = null;
    if (sent === null) return null;
    if (!wasCounted) this.#takeBack(sent);
    return sent.atMs;
  }

  /** The report under way was lost: its contents wait for the next one, in a second. */
  failed(atMs: number): void {
    this.settle(false);
    this.#wantsVerdict = true;
    this.#nextMs = atMs + this.#options.reportEveryMs;
  }

  /** What was seen so far was seen in a state that has passed. */
  forget(atMs: number): void {
    this.#forgetCounts(atMs);
    this.#probe = null;
  }

  #takeBack({ report, sinceMs }: Sent): void {
    this.#ok += report.ok;
    this.#failed += report.failed;
    this.#probe ??= report.probe;
    this.#sinceMs = sinceMs;
  }

  #forgetCounts(atMs: number): void {
    this.#ok = 0;
    this.#failed = 0;
    this.#sinceMs = atMs;
  }
}
