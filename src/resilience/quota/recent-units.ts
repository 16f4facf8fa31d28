/** Units are kept by parts of the time, not one by one. */
const PARTS = 8;

interface Part {
  /** When its first unit came. */
  readonly sinceMs: number;
  units: number;
}

/**
 * How many units came within the last `spanMs`, to an eighth of it: of older ones none is told,
 * some of those that are nearly as old aren't either. Times are steady ms: the owner sees to that.
 */
export class RecentUnits {
  readonly #spanMs: number;
  /** The oldest first, nine at most. */
  readonly #parts: Part[] = [];

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  add(atMs: number, units: number): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && atMs - last.sinceMs < this.#spanMs / PARTS) {
      last.units += units;
      return;
    }
    this.#forgetOld(atMs);
    this.#parts.push({ sinceMs: atMs, units });
  }

  /** Hands over the units that are young enough, once, and forgets the others. */
  take(atMs: number): number {
    this.#forgetOld(atMs);
    let units = 0;
    for (const part of this.#parts) units += part.units;
    this.#parts.length = 0;
    return units;
  }

  #forgetOld(atMs: number): void {
    while (this.#parts[0] !== undefined && atMs - this.#parts[0].sinceMs > this.#spanMs) this.#parts.shift();
  }
}
