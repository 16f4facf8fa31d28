import { requireIntegerIn } from "./rate-limit.ts";

interface BulkheadOptions {
  /** Calls under way at once, an integer in [1, 1000000]. */
  readonly maxConcurrent: number;
  /** Calls that may wait for a place, an integer in [0, 100000]; none by default. */
  readonly queueMax?: number;
}

/** The bulkhead has no place, nor one to wait in. */
export class BulkheadFullError extends Error {
  override readonly name = "BulkheadFullError";
}

/** Told once: true, a place is yours; false, you have given up. */
type Waiter = (hasPlace: boolean) => void;

const CONCURRENT_MAX = 1_000_000;
const QUEUE_MAX = 100_000;

/**
 * A semaphore that keeps one upstream from taking all there is: what is beyond its places is
 * refused at once, or waits in order where a queue is allowed. Source: Michael Nygard, "Release
 * It!", Bulkheads; Hystrix's semaphore isolation.
 *
 * @throws RangeError for an option out of range
 */
export class Bulkhead {
  readonly #maxConcurrent: number;
  readonly #queueMax: number;
  readonly #waiting = new Set<Waiter>();
  #inUse = 0;

  constructor({ maxConcurrent, queueMax = 0 }: BulkheadOptions) {
    requireIntegerIn("maxConcurrent", maxConcurrent, 1, CONCURRENT_MAX);
    requireIntegerIn("queueMax", queueMax, 0, QUEUE_MAX);
    this.#maxConcurrent = maxConcurrent;
    this.#queueMax = queueMax;
  }

  get inUse(): number {
    return this.#inUse;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a place if there is one now; whoever gets it must {@link leave}. */
  tryEnter(): boolean {
    if (this.#inUse >= this.#maxConcurrent) return false;
    this.#inUse += 1;
    return true;
  }

  /**
   * Takes a place, waiting for it in order. Throws {@link BulkheadFullError}, or the signal's
   * reason if it fires first.
   */
  async enter(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.tryEnter()) return;
    if (this.#waiting.size >= this.#queueMax)
      throw new BulkheadFullError(`all ${this.#maxConcurrent} places are taken`);
    if (!(await this.#place(signal))) signal?.throwIfAborted();
  }

  /** Gives a place back, to whoever has waited longest. */
  leave(): void {
    if (this.#inUse === 0) throw new Error("nobody is in the bulkhead");
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inUse -= 1;
      return;
    }
    this.#waiting.delete(next);
    next(true);
  }

  /** Whether the caller, after it has waited, has a place. */
  async #place(signal: AbortSignal | undefined): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const giveUp = (): void => {
      this.#waiting.delete(resolve);
      // Too late where a place came first: a promise is settled once, so that the place is not
      // lost.
      resolve(false);
    };
    this.#waiting.add(resolve);
    signal?.addEventListener("abort", giveUp);
    const hasPlace = await promise;
    signal?.removeEventListener("abort", giveUp);
    return hasPlace;
  }
}
