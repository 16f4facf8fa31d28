import { BucketRing, type BucketRingOptions } from "./bucket-ring.ts";
import { requireIntegerIn } from "./rate-limit.ts";

export interface RollingWindowOptions<E extends string> extends BucketRingOptions {
  /** What is counted: 1 to 32 different names. */
  readonly events: readonly E[];
}

/** A window's plain data, safe to serialise as JSON. */
export interface RollingWindowState<E extends string> extends BucketRingOptions {
  /**
   * Buckets that were written, in no order. A slot is `floor(ms since the epoch / bucket length)`.
   */
  readonly written: readonly { readonly slot: number; readonly counts: Readonly<Record<E, number>> }[];
  readonly cumulative: Readonly<Record<E, number>>;
}

export interface WindowReadOptions {
  /** Leaves out the bucket in progress, which is not comparable with whole ones. */
  readonly excludeCurrent?: boolean;
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
  readonly #windowMs: number;
  readonly #events: readonly E[];
  readonly #counts: Readonly<Record<E, Float64Array>>;
  readonly #cumulative: Record<E, number>;
  #visited = 0;
  readonly #countVisited = (event: E): number => this.#counts[event][this.#visited] ?? 0;

  /**
   * @param state - of a window with the same length and buckets; of any other, only the cumulative
   *   counts are taken over
   */
  constructor({ windowMs, buckets, events }: RollingWindowOptions<E>, state?: RollingWindowState<E>) {
    requireIntegerIn("events.length", events.length, 1, EVENTS_MAX);
    this.#ring = new BucketRing({ windowMs, buckets }, (index) => this.#clear(index));
    this.#windowMs = windowMs;
    this.#events = events;
    this.#counts = byEvent(events, () => new Float64Array(buckets));
    this.#cumulative = byEvent(events, (event) => state?.cumulative[event] ?? 0);
    if (state?.windowMs === windowMs && state.buckets === buckets) this.#restore(state);
  }

  /** Counts an event at `nowMs`. A negative `count` takes back what was counted too much. */
  add(nowMs: number, event: E, count = 1): void {
    this.#increase(this.#ring.enter(nowMs), event, count);
    this.#cumulative[event] += count;
  }

  /** How often the event was counted within the window that ends at `nowMs`. */
  sum(nowMs: number, event: E, { excludeCurrent = false }: WindowReadOptions = {}): number {
    const slot = this.#ring.slotAt(nowMs);
    const counts = this.#counts[event];
    const ageMin = excludeCurrent ? 1 : 0;
    let sum = 0;
    for (let index = 0; index < this.#ring.size; index += 1) {
      if (this.#ring.counts(index, slot, ageMin)) sum += counts[index] ?? 0;
    }
    return sum;
  }

  /** How often the event was ever counted; `reset()` doesn't change it. */
  cumulative(event: E): number {
    return this.#cumulative[event];
  }

  /**
   * One number for each bucket, oldest first; the last is that of the bucket in progress. Buckets
   * without a write are 0.
   */
  values(nowMs: number, event: E): number[] {
    const slotNow = this.#ring.slotAt(nowMs);
    const values = Array.from({ length: this.#ring.size }, () => 0);
    for (let index = 0; index < this.#ring.size; index += 1) {
      const age = slotNow - this.#ring.slotOf(index);
      if (this.#ring.counts(index, slotNow, 0))
        values[this.#ring.size - 1 - age] = this.#counts[event][index] ?? 0;
    }
    return values;
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

  /** Forgets what is in the window, but not the cumulative counts. */
  reset(): void {
    this.#ring.reset();
  }

  /** What the constructor takes to go on from here. */
  snapshot(): RollingWindowState<E> {
    const written = [];
    for (let index = 0; index < this.#ring.size; index += 1) {
      const slot = this.#ring.slotOf(index);
      if (slot >= 0)
        written.push({ slot, counts: byEvent(this.#events, (event) => this.#counts[event][index] ?? 0) });
    }
    return {
      windowMs: this.#windowMs,
      buckets: this.#ring.size,
      written,
      cumulative: { ...this.#cumulative },
    };
  }

  #restore({ written }: RollingWindowState<E>): void {
    for (const { slot, counts } of written) {
      const index = this.#ring.enterSlot(slot);
      for (const event of this.#events) this.#increase(index, event, counts[event] ?? 0);
    }
  }

  #increase(index: number, event: E, count: number): void {
    const counts = this.#counts[event];
    counts[index] = (counts[index] ?? 0) + count;
  }

  #clear(index: number): void {
    for (const event of this.#events) this.#counts[event][index] = 0;
  }
}

function byEvent<E extends string, V>(events: readonly E[], valueOf: (event: E) => V): Record<E, V> {
  return Object.fromEntries(events.map((event) => [event, valueOf(event)])) as Record<E, V>;
}
