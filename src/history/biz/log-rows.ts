import type { RowReferences } from "./pending-set.ts";

/**
 * Which rows of the log are still needed. Rows are freed from the oldest on, never out of order: a row that holds an old state of an item
 * must be gone before the row that superseded it, or a restart would bring the old state back.
 */
export class LogRows implements RowReferences {
  /** Live rows, oldest first (insertion order), with the number of pending records each holds. */
  readonly #references = new Map<number, number>();
  #lastSeq = 0;

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get liveCount(): number {
    return this.#references.size;
  }

  /** Takes note of the row written after all others. */
  add(seq: number): void {
    if (seq <= this.#lastSeq) throw new RangeError(`seq must be in (${this.#lastSeq}, ∞), got ${seq}`);
    this.#lastSeq = seq;
    this.#references.set(seq, 0);
  }

  retain(seq: number): void {
    const count = this.#references.get(seq);
    if (count === undefined) throw new RangeError(`row ${seq} is not live`);
    this.#references.set(seq, count + 1);
  }

  release(seq: number): void {
    const count = this.#references.get(seq);
    if (count === undefined || count === 0) throw new RangeError(`row ${seq} holds nothing`);
    this.#references.set(seq, count - 1);
  }

  /** The oldest row that is still needed; every row below it may be overwritten. */
  lowWater(): number {
    for (const [seq, count] of this.#references) {
      if (count > 0) return seq;
      this.#references.delete(seq);
    }
    return this.#lastSeq + 1;
  }
}
