import type { Clock } from "./clock.ts";

export interface BoundedCacheOptions {
  /** Entries kept at most; the oldest inserted one leaves first. */
  readonly entriesMax: number;
  readonly now: Clock;
}

interface Slot<V> {
  readonly value: V;
  readonly expiresAtMs: number;
}

/**
 * A map with a limit and an expiry for each entry, keyed by strings. It holds hints: whatever is in
 * it may be gone at the next look.
 *
 * @example
 * const tokens = new BoundedCache<Claims>({ entriesMax: 10_000, now });
 * tokens.set(raw, claims, claims.exp * 1000);
 */
export class BoundedCache<V> {
  readonly #slots = new Map<string, Slot<V>>();
  readonly #entriesMax: number;
  readonly #now: Clock;

  constructor({ entriesMax, now }: BoundedCacheOptions) {
    if (!Number.isInteger(entriesMax) || entriesMax < 1) {
      throw new RangeError(`entriesMax must be an integer in [1, ∞), got ${entriesMax}`);
    }
    this.#entriesMax = entriesMax;
    this.#now = now;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The value, or undefined if it was never set, has expired or was pushed out. */
  get(key: string): V | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    if (slot.expiresAtMs <= this.#now()) {
      this.#slots.delete(key);
      return undefined;
    }
    return slot.value;
  }

  /** Keeps `value` until `expiresAtMs` (ms since the epoch). */
  set(key: string, value: V, expiresAtMs: number): void {
    this.#slots.delete(key);
    if (this.#slots.size >= this.#entriesMax) {
      const oldest = this.#slots.keys().next();
      if (!oldest.done) this.#slots.delete(oldest.value);
    }
    this.#slots.set(key, { value, expiresAtMs });
  }

  delete(key: string): void {
    this.#slots.delete(key);
  }
}
