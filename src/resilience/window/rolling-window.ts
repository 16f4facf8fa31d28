import { BucketRing, type BucketRingOptions } from "./bucket-ring.ts";
import { requireIntegerIn } from "../require-number-in.ts";

export interface RollingWindowOptions<E extends string> extends BucketRingOptions {
  /** What is counted: 1 to 32 different names. */
  readonly events: readonly E[];
}

const EVENTS_MAX = 32;

/**
 * Counts of events over a sliding window, in buckets aligned to the epoch: a write costs O(1), a
 * read O(buckets), and after any idle time old buckets no longer count. After Netflix Hystrix,
 * `HystrixRollingNumber`.
 *
 * @example
 * const events = ["success", "failure"];
 * const window = new RollingWindow({ windowMs: 10_000, buckets: 10, events });
 * window.add(nowMs, "failure");
 * window.sum(nowMs, "failure"); // 1
 *
 * @throws RangeError for a window, bucket count or list of events out of range
 */
export class RollingWindow<E extends string> {
  readonly #ring: BucketRing;
  readonly #events: readonly E[];
  readonly #counts: Readonly<Record<E, Float64Array>>;
  #visited = 0;
  readonly #countVisited = (event: E): number => this.#counts[event][this.#visited] ?? 0;

  constructor({ windowMs, buckets, events }: RollingWindowOptions<E>) {
    requireIntegerIn("events.length", events.length, 1, EVENTS_MAX);
    this.#ring = new BucketRing({ windowMs, buckets }, (index) => this.#clear(index));
    this.#events = events;
    this.#counts = byEvent(events, () => new Float64Array(buckets));
  }

  /** Counts an event at `nowMs`. A negative `count` takes back what was counted too much. */
  add(nowMs: number, event: E, count = 1): void {
    const index = this.#ring.enter(nowMs);
    const counts = this.#counts[event];
    counts[index] = (counts[index] ?? 0) + count;
  }

  /** Counts what happened `agoMs` before `nowMs` and is told only now, unless that is too old. */
  addLate(nowMs: number, event: E, count: number, agoMs: number): void {
    const index = this.#ring.enterAgo(nowMs, agoMs);
    if (index === null) return;
    const counts = this.#counts[event];
    counts[index] = (counts[index] ?? 0) + count;
  }

  /** How often the event was counted within the window that ends at `nowMs`. */
  sum(nowMs: number, event: E): number {
    const slot = this.#ring.slotAt(nowMs);
    const counts = this.#counts[event];
    let sum = 0;
    for (let index = 0; index < this.#ring.size; index += 1) {
      if (this.#ring.counts(index, slot, 0)) sum += counts[index] ?? 0;
    }
    return sum;
  }

  /**
   * Visits every written bucket but the one in progress, in no order, with a function that tells
   * how often it counted an event. It tells so only during the visit. Allocates nothing: made for
   * what is asked at every request, as the best bucket or the mean of one.
   */
  forEachComplete(nowMs: number, visit: (countOf: (event: E) => number) => void): void {
    const slot = this.#ring.slotAt(nowMs);
    for (let index = 0; index < this.#ring.size; index += 1) {
      if (!this.#ring.counts(index, slot, 1)) continue;
      this.#visited = index;
      visit(this.#countVisited);
    }
  }

  /** Forgets what is in the window. */
  reset(): void {
    this.#ring.reset();
  }

  #clear(index: number): void {
    for (const event of this.#events) this.#counts[event][index] = 0;
  }
}

function byEvent<E extends string, V>(events: readonly E[], valueOf: (event: E) => V): Record<E, V> {
  return Object.fromEntries(events.map((event) => [event, valueOf(event)])) as Record<E, V>;
}
