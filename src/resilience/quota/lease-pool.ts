/**
 * Leased units in two generations: those being spent and those that came while there were still
 * some. Each ends at its own time, so that no unit is spent later than its lease lasts. What ends
 * unspent waits to be given back.
 */
export class LeasePool {
  #units = 0;
  #endsAtMs = 0;
  #nextUnits = 0;
  #nextEndsAtMs = 0;
  #unused = 0;

  /** Units that can be spent. */
  get units(): number {
    return this.#units + this.#nextUnits;
  }

  /** When the last of them end (ms). */
  get endsAtMs(): number {
    return this.#nextUnits > 0 ? this.#nextEndsAtMs : this.#endsAtMs;
  }

  /**
   * Adds a lease. It becomes the second generation; a third one joins that, for the shorter of
   * their times.
   */
  add(units: number, endsAtMs: number): void {
    if (units <= 0) return;
    if (this.#units === 0) this.#promote();
    this.#nextEndsAtMs = this.#nextUnits === 0 ? endsAtMs : Math.min(this.#nextEndsAtMs, endsAtMs);
    this.#nextUnits += units;
  }

  /** Takes what has ended out of use. */
  expire(nowMs: number): void {
    if (this.#nextEndsAtMs <= nowMs) {
      this.#unused += this.#nextUnits;
      this.#nextUnits = 0;
    }
    if (this.#endsAtMs > nowMs) return;
    this.#unused += this.#units;
    this.#promote();
  }

  /** Spends the older units first. False, and nothing spent, if there are too few. */
  spend(cost: number): boolean {
    if (!(cost <= this.units)) return false;
    const older = Math.min(cost, this.#units);
    this.#units -= older;
    this.#nextUnits -= cost - older;
    return true;
  }

  /** Hands over what ended unspent, once. */
  takeUnused(): number {
    const unused = this.#unused;
    this.#unused = 0;
    return unused;
  }

  get unused(): number {
    return this.#unused;
  }

  #promote(): void {
    this.#units = this.#nextUnits;
    this.#endsAtMs = this.#nextEndsAtMs;
    this.#nextUnits = 0;
  }
}
