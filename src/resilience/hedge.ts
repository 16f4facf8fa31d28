import type { RetryBudget } from "./retry-budget.ts";
import type { RollingPercentile } from "./rolling-percentile.ts";

interface HedgeOptions {
  /** What calls have taken lately. */
  readonly latencies: RollingPercentile;
  readonly budget: RetryBudget;
  readonly percentile?: number;
  /** Calls that must have been seen before any is hedged, an integer in [1, 600]. */
  readonly samplesMin?: number;
}

/**
 * Decides when a call gets a second one beside it: after what 95 of 100 calls take, so that at most one in twenty has one, and never more
 * than the retry budget allows. Source: Dean and Barroso, "The Tail at Scale" (2013), hedged requests; gRPC proposal A6.
 */
export class HedgePolicy {
  readonly #options: Required<HedgeOptions>;
  #samples = 0;

  constructor({ latencies, budget, percentile = 95, samplesMin = 20 }: HedgeOptions) {
    if (!(percentile > 50 && percentile < 100)) throw new RangeError(`percentile must be in (50, 100), got ${percentile}`);
    if (!Number.isInteger(samplesMin) || samplesMin < 1 || samplesMin > 600) {
      throw new RangeError(`samplesMin must be an integer in [1, 600], got ${samplesMin}`);
    }
    this.#options = { latencies, budget, percentile, samplesMin };
  }

  /** A call took so long. */
  observe(nowMs: number, tookMs: number, random: number): void {
    this.#samples += 1;
    this.#options.latencies.add(nowMs, tookMs, random);
  }

  /** After how many ms the second call starts; null where there are too few samples to tell. */
  delayMs(nowMs: number): number | null {
    const { latencies, percentile, samplesMin } = this.#options;
    return this.#samples < samplesMin ? null : latencies.percentile(nowMs, percentile);
  }

  /** Charges the second call to the budget; false where it is empty. */
  mayHedge(nowMs: number): boolean {
    return this.#options.budget.tryWithdraw(nowMs);
  }
}

interface HedgedDeps {
  /** When the second call starts, in ms; null: never. */
  readonly delayMs: number | null;
  readonly sleep: (ms: number) => Promise<void>;
  /** Asked when it would start. */
  readonly mayHedge: () => boolean;
}

/**
 * The first answer of a call and, if it is late, of a second one like it; the loser's signal fires. Fails with the first error when all that were
 * started have failed. Only for calls that may be made twice.
 */
export async function hedged<T>(call: (signal: AbortSignal) => Promise<T>, { delayMs, sleep, mayHedge }: HedgedDeps): Promise<T> {
  const first = new AbortController();
  const second = new AbortController();
  let settled = false;
  const firstCall = call(first.signal);
  const backup = async (): Promise<T> => {
    if (delayMs === null) return firstCall;
    await sleep(delayMs);
    return settled || !mayHedge() ? firstCall : call(second.signal);
  };
  try {
    return await Promise.any([firstCall, backup()]);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    settled = true;
    const lost = new Error("the other call was faster");
    first.abort(lost);
    second.abort(lost);
  }
}
