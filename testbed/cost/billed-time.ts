/**
 * The time for which an object is billed: while something in it is under way, be it a call, an
 * alarm, a timer or I/O of its own, and once however much of it there is. Between them it could
 * hibernate, and is not billed though it may still be in memory.
 */
export class BilledTime {
  readonly #onBilled: (ms: number) => void;
  #underWay = 0;
  #sinceMs = 0;

  /** @param onBilled - hears of each stretch when it has ended, in ms */
  constructor(onBilled: (ms: number) => void) {
    this.#onBilled = onBilled;
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** When the last stretch ended; 0 where there was none. Means nothing while one lasts. */
  get idleSinceMs(): number {
    return this.#sinceMs;
  }

  /** Something begins. The answer ends it, once however often it is called. */
  begin(nowMs: number): (endMs: number) => void {
    if (this.#underWay === 0) this.#sinceMs = nowMs;
    this.#underWay += 1;
    let hasEnded = false;
    return (endMs) => {
      if (hasEnded) return;
      hasEnded = true;
      this.#underWay -= 1;
      if (this.#underWay > 0) return;
      this.#onBilled(Math.max(0, endMs - this.#sinceMs));
      this.#sinceMs = endMs;
    };
  }
}
