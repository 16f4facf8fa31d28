import { requireIntegerIn } from "../require-number-in.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { RollingPercentile } from "../window/rolling-percentile.ts";
import { RollingWindow } from "../window/rolling-window.ts";

interface HedgeOptions {
  /** What calls have taken lately. */
  readonly latencies: RollingPercentile;
  readonly budget: RetryBudget;
  /** In (50, 100); 95 if absent. */
  readonly percentile?: number;
  /**
   * Calls that must have been seen within the last minute before any is hedged, an integer in [1,
   * 600]; 20 if absent.
   */
  readonly samplesMin?: number;
}

const SAMPLES_MIN_MAX = 600;
const SEEN = { windowMs: 60_000, buckets: 6, events: ["calls"] } as const;

/**
 * Decides when a call gets a second one beside it: after what 95 of 100 calls take, so that at most
 * one in twenty has one, and never more than the retry budget allows. Source: Dean and Barroso,
 * "The Tail at Scale" (2013), hedged requests; gRPC proposal A6.
 *
 * @throws RangeError for an option out of range
 */
export class HedgePolicy {
  readonly #options: Required<HedgeOptions>;
  readonly #seen = new RollingWindow<"calls">(SEEN);

  constructor({ latencies, budget, percentile = 95, samplesMin = 20 }: HedgeOptions) {
    if (!(percentile > 50 && percentile < 100))
      throw new RangeError(`percentile must be in (50, 100), got ${percentile}`);
    requireIntegerIn("samplesMin", samplesMin, 1, SAMPLES_MIN_MAX);
    this.#options = { latencies, budget, percentile, samplesMin };
  }

  /**
   * A call took `tookMs`; `random` in [0, 1) decides whether it is remembered where there were
   * many.
   */
  observe(nowMs: number, tookMs: number, random: number): void {
    this.#seen.add(nowMs, "calls");
    this.#options.latencies.add(nowMs, tookMs, random);
  }

  /** After how many ms the second call starts; null where there are too few samples to tell. */
  delayMs(nowMs: number): number | null {
    const { latencies, percentile, samplesMin } = this.#options;
    return this.#seen.sum(nowMs, "calls") < samplesMin ? null : latencies.percentile(nowMs, percentile);
  }

  /** Charges the second call to the budget; false where it is empty. */
  mayHedge(nowMs: number): boolean {
    return this.#options.budget.tryWithdraw(nowMs);
  }
}

interface HedgedDeps<T> {
  /** When the second call starts, in ms; null: never. */
  readonly delayMs: number | null;
  readonly sleep: (ms: number) => Promise<void>;
  /** Asked when it would start. */
  readonly mayHedge: () => boolean;
  /** Which answers are as bad as an error; none if absent. */
  readonly isFailure?: (answer: T) => boolean;
}

interface Runner<T> {
  readonly answer: Promise<T>;
  readonly controller: AbortController;
}

/**
 * The first answer of a call and, if it is late, of a second one like it; the loser's signal fires,
 * the winner's never, since what it answers may still be read. A call that fails before the second
 * has started has failed: trying again is for the retry policy. Where both fail, so does this, with
 * the first one's error or failed answer. Only for calls that may be made twice.
 */
export async function hedged<T>(
  call: (signal: AbortSignal) => Promise<T>,
  { delayMs, sleep, mayHedge, isFailure = () => false }: HedgedDeps<T>,
): Promise<T> {
  const first = start(call);
  if (delayMs === null || !(await isLate(first, sleep(delayMs))) || !mayHedge()) return first.answer;
  const second = start(call);
  let hasWinner = false;
  const answerOf = async (mine: Runner<T>, other: Runner<T>): Promise<T> => {
    const answer = await mine.answer;
    if (isFailure(answer)) throw new Error("a failed answer doesn't win");
    if (!hasWinner) other.controller.abort(new Error("the other call was faster"));
    hasWinner = true;
    return answer;
  };
  try {
    return await Promise.any([answerOf(first, second), answerOf(second, first)]);
  } catch {
    return await first.answer;
  }
}

/** A call that throws instead of returning a promise fails like any other. */
function start<T>(call: (signal: AbortSignal) => Promise<T>): Runner<T> {
  const controller = new AbortController();
  const run = async (): Promise<T> => call(controller.signal);
  return { answer: run(), controller };
}

/**
 * Whether the time is up before the call has ended. A sleep that is cut off doesn't tell: then
 * nothing is late.
 */
async function isLate<T>({ answer }: Runner<T>, timeIsUp: Promise<void>): Promise<boolean> {
  const no = (): boolean => false;
  return Promise.race([answer.then(no, no), timeIsUp.then(() => true, no)]);
}
