import { requireIntegerIn } from "../require-number-in.ts";

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
  /** Each is called once, when it has its place. At most `queueMax`. */
  readonly #waiting: (() => void)[] = [];
  #inUse = 0;

  constructor({ maxConcurrent, queueMax = 0 }: BulkheadOptions) {
    requireIntegerIn("maxConcurrent", maxConcurrent, 1, CONCURRENT_MAX);
    requireIntegerIn("queueMax", queueMax, 0, QUEUE_MAX);
    this.#maxConcurrent = maxConcurrent;
    this.#queueMax = queueMax;
  }

  /** The part of the places that is taken, in [0, 1]. */
  get load(): number {
    return this.#inUse / this.#maxConcurrent;
  }

  /** Takes a place if there is one now; whoever gets it must {@link leave}. */
  tryEnter(): boolean {
    if (this.#inUse >= this.#maxConcurrent) return false;
    this.#inUse += 1;
    return true;
  }

  /** Takes a place, waiting for it in order. Throws {@link BulkheadFullError}. */
  async enter(): Promise<void> {
    if (this.tryEnter()) return;
    if (this.#waiting.length >= this.#queueMax)
      throw new BulkheadFullError(`all ${this.#maxConcurrent} places are taken`);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  /** Gives a place back, to whoever has waited longest. */
  leave(): void {
    if (this.#inUse === 0) throw new Error("nobody is in the bulkhead");
    const next = this.#waiting.shift();
    if (next === undefined) this.#inUse -= 1;
    else next();
  }
}
