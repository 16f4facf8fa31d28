interface BulkheadOptions {
  /** Calls under way at once, an integer in [1, 1000000]. */
  readonly placesMax: number;
  /** Calls that may wait for a place, an integer in [0, 100000]; none by default. */
  readonly queueMax?: number;
}

/** The bulkhead has no place, nor one to wait in. */
export class BulkheadFullError extends Error {
  override readonly name = "BulkheadFullError";
}

interface Waiter {
  readonly admit: () => void;
}

const PLACES_MAX = 1_000_000;
const QUEUE_MAX = 100_000;

/**
 * A semaphore that keeps one upstream from taking all there is: what is beyond its places is refused at once, or waits in order where
 * a queue is allowed. Source: Michael Nygard, "Release It!", Bulkheads; Hystrix's semaphore isolation.
 */
export class Bulkhead {
  readonly #placesMax: number;
  readonly #queueMax: number;
  readonly #waiting = new Set<Waiter>();
  #inUse = 0;

  constructor({ placesMax, queueMax = 0 }: BulkheadOptions) {
    requireInteger("placesMax", placesMax, 1, PLACES_MAX);
    requireInteger("queueMax", queueMax, 0, QUEUE_MAX);
    this.#placesMax = placesMax;
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
    if (this.#inUse >= this.#placesMax) return false;
    this.#inUse += 1;
    return true;
  }

  /** Takes a place, waiting for it in order. Throws {@link BulkheadFullError}, or the signal's reason if it fires first. */
  async enter(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.tryEnter()) return;
    if (this.#waiting.size >= this.#queueMax) throw new BulkheadFullError(`all ${this.#placesMax} places are taken`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { admit: resolve };
    const giveUp = (): void => {
      this.#waiting.delete(waiter);
      reject(signal?.reason instanceof Error ? signal.reason : new Error("given up"));
    };
    this.#waiting.add(waiter);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
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
    next.admit();
  }
}

function requireInteger(option: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${option} must be an integer in [${min}, ${max}], got ${value}`);
  }
}
