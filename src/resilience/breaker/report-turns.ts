import { SECONDS_KEPT } from "./recent-calls.ts";

/**
 * How soon the shared state wants to hear of a reporter again, in ms: the more report to it, the
 * later.
 */
export interface ReportPace {
  /** From one who has seen a failure, or whose calls are rejected. */
  readonly reportAfterMs: number;
  /** From one who has nothing to complain of. */
  readonly quietAfterMs: number;
}

export interface ReportTurnsOptions {
  /**
   * How far apart reports are as long as nobody says otherwise, in ms. Whoever is told no more need
   * not keep to turns: few report then.
   */
  readonly everyMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * Within this time an isolate reports for the first time, at random: it doesn't know whether
 * thousands have started with it. Sooner where calls fail.
 */
const FIRST_WITHIN_MS = 50_000;
const FIRST_FAILURE_WITHIN_MS = 6_000;
/** What is told is taken for no more than this. */
const AFTER_MS_MAX = 90_000;
/**
 * By up to this share of what was told a turn is later, at random, and a quiet report sooner: those
 * who were told together, or more and then less, would else come together.
 */
const SPREAD = 0.25;
const KEPT_MS = SECONDS_KEPT * 1_000;

/**
 * When an isolate reports. Many who begin to fail at the same moment must not all say so at once:
 * what becomes urgent waits a random part of the time that was told, and what goes on being urgent
 * is told that far apart. So thousands report no faster than if they took turns.
 */
export class ReportTurns {
  readonly #everyMs: number;
  readonly #random: () => number;
  #pace: ReportPace;
  #isTold = false;
  #isUrgent = false;
  #wasUrgent = false;
  #turnMs = 0;
  #hurryMs = Number.POSITIVE_INFINITY;
  #isAwaited = false;
  #quietFromMs: number | null = null;

  constructor({ everyMs, random }: ReportTurnsOptions) {
    this.#everyMs = everyMs;
    this.#random = random;
    this.#pace = { reportAfterMs: everyMs, quietAfterMs: FIRST_WITHIN_MS };
  }

  /** What was told, where reports must keep to it; null where they need not. */
  get keptMs(): number | null {
    return this.#keepsTurns ? this.#pace.reportAfterMs : null;
  }

  /** How long the next turn may be away, where reports must keep to turns; else 0. */
  get turnMsMax(): number {
    return (this.keptMs ?? 0) * (1 + SPREAD);
  }

  /**
   * How many of the urgent reports a quiet one stands for: it comes less often, and of what is told
   * only the last seconds count.
   */
  get quietWeight(): number {
    if (this.#isUrgent || !this.#isTold || this.#hurryMs < Number.POSITIVE_INFINITY) return 1;
    return seenShare(this.#pace.reportAfterMs) / seenShare(this.#pace.quietAfterMs);
  }

  isDue(atMs: number): boolean {
    if (this.#isHurried(atMs)) return true;
    if (atMs < this.#turnMs) return false;
    this.#quietFromMs ??= atMs + Math.floor(this.#random() * FIRST_WITHIN_MS);
    return this.#isUrgent || atMs >= this.#quietFromMs;
  }

  /** There is something to tell that should not wait until the quiet time is over. */
  urge(atMs: number): void {
    if (this.#isUrgent) return;
    this.#isUrgent = true;
    const isFree = this.#isTold && !this.#keepsTurns;
    if (isFree || (this.#wasUrgent && atMs <= this.#turnMs)) return;
    const withinMs = this.#isTold ? this.#pace.reportAfterMs : FIRST_FAILURE_WITHIN_MS;
    this.#turnMs = atMs + Math.floor(this.#random() * withinMs);
  }

  /**
   * The next report need not wait for its turn, if all others wait for it (`isAwaited`), and where
   * nobody has asked for turns.
   */
  hurry(atMs: number, isAwaited: boolean): void {
    this.#hurryMs = Math.min(this.#hurryMs, atMs);
    this.#isAwaited ||= isAwaited;
  }

  /** Nothing is urgent any more. */
  calm(): void {
    this.#isUrgent = false;
  }

  /** A report was sent. */
  sent(atMs: number): void {
    this.#wasUrgent = this.#isUrgent;
    this.#isUrgent = false;
    this.#isAwaited = false;
    this.#hurryMs = Number.POSITIVE_INFINITY;
    this.#begin(atMs);
  }

  /** The report sent at `sentAtMs` was answered with this pace; null if it said none. */
  told(sentAtMs: number, pace: ReportPace | null): void {
    this.#isTold = true;
    this.#pace = {
      reportAfterMs: this.#bounded(pace?.reportAfterMs),
      quietAfterMs: this.#bounded(pace?.quietAfterMs),
    };
    this.#begin(sentAtMs);
  }

  /** The last report was lost. */
  lost(atMs: number): void {
    this.#isUrgent = true;
    this.#wasUrgent = true;
    this.#begin(atMs);
  }

  #isHurried(atMs: number): boolean {
    return atMs >= this.#hurryMs && (this.#isAwaited || !this.#keepsTurns);
  }

  /** Whether the shared state has asked for turns. */
  get #keepsTurns(): boolean {
    return this.#isTold && this.#pace.reportAfterMs > this.#everyMs;
  }

  #begin(atMs: number): void {
    const { reportAfterMs, quietAfterMs } = this.#pace;
    const spread = this.#random() * SPREAD;
    this.#turnMs = atMs + Math.floor(reportAfterMs * (this.#keepsTurns ? 1 + spread : 1));
    this.#quietFromMs =
      atMs + Math.floor(quietAfterMs > this.#everyMs ? quietAfterMs * (1 - spread) : quietAfterMs);
  }

  #bounded(afterMs = this.#everyMs): number {
    return afterMs > this.#everyMs ? Math.min(afterMs, AFTER_MS_MAX) : this.#everyMs;
  }
}

/** Of the last ten seconds, the share that has been told where one reports so often. */
function seenShare(everyMs: number): number {
  return everyMs < KEPT_MS ? 1 - everyMs / (2 * KEPT_MS) : KEPT_MS / (2 * everyMs);
}
