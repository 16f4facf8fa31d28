import type { RowReferences } from "./pending-set.ts";

interface LiveRow {
  /** What it takes on disk, and in memory while it is replayed. */
  readonly bytes: number;
  /** Pending records that it holds. */
  references: number;
}

/**
 * Which rows of the log are still needed. Rows are freed from the oldest on, never out of order: a
 * row that holds an old state of an item must be gone before the row that superseded it, or a
 * restart would bring the old state back.
 */
export class LogRows implements RowReferences {
  /** Live rows, oldest first (insertion order). */
  readonly #live = new Map<number, LiveRow>();
  #lastSeq = 0;
  #liveBytes = 0;
  #goneUpTo = 0;

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get liveCount(): number {
    return this.#live.size;
  }

  /** Bytes that a restart would read. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /**
   * The newest row that a restart would still read and that says something of a record which is
   * pending no longer; 0 where there is none.
   */
  get goneUpTo(): number {
    return this.#goneUpTo;
  }

  /** Takes note of the row written after all others. */
  add(seq: number, bytes: number): void {
    if (seq <= this.#lastSeq) throw new RangeError(`seq must be in (${this.#lastSeq}, ∞), got ${seq}`);
    this.#lastSeq = seq;
    this.#live.set(seq, { bytes, references: 0 });
    this.#liveBytes += bytes;
  }

  /** The newest row has more than was said when it was added: another chunk of a snapshot. */
  extend(seq: number, bytes: number): void {
    const row = this.#live.get(seq) ?? { bytes: 0, references: 0 };
    this.#live.set(seq, { ...row, bytes: row.bytes + bytes });
    this.#liveBytes += bytes;
  }

  /** Takes note of a row that is known to be free: its number is not given again. */
  skipTo(seq: number): void {
    this.#lastSeq = Math.max(this.#lastSeq, seq);
  }

  retain(seq: number): void {
    const row = this.#live.get(seq);
    if (row === undefined) throw new RangeError(`row ${seq} is not live`);
    row.references += 1;
  }

  release(seq: number): void {
    const row = this.#live.get(seq);
    if (row === undefined || row.references === 0) throw new RangeError(`row ${seq} holds nothing`);
    row.references -= 1;
  }

  gone(seq: number): void {
    this.#goneUpTo = Math.max(this.#goneUpTo, seq);
  }

  /** The log says now that no row below `lowWater` is needed: a restart reads none of them. */
  written(lowWater: number): void {
    if (lowWater > this.#goneUpTo) this.#goneUpTo = 0;
  }

  /** The oldest row that is still needed; every row below it may be overwritten. */
  lowWater(): number {
    for (const [seq, { references, bytes }] of this.#live) {
      // I4
      if (references > 0) return seq;
      this.#live.delete(seq);
      this.#liveBytes -= bytes;
    }
    return this.#lastSeq + 1;
  }
}
