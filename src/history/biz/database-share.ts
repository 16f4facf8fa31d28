/**
 * What of a shard's pending records waits for one database, and whether that database takes any.
 */
export class DatabaseShare {
  readonly database: number;
  count = 0;
  bytes = 0;
  #isFailing = false;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;

  constructor(database: number) {
    this.database = database;
  }

  /**
   * The job was asked, had its time, and confirmed nothing that this database should have got
   * meanwhile.
   */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /**
   * A lease that began at `leasedAtMs` has run out. That a single message got lost is no fault of
   * the database's: others were confirmed since.
   */
  leaseRanOut(leasedAtMs: number): void {
    if (this.#confirmedAtMs < leasedAtMs) this.#isFailing = true;
  }

  /** Something was confirmed. Says whether that is news. */
  confirmed(nowMs: number): boolean {
    const wasFailing = this.#isFailing;
    this.#isFailing = false;
    this.#confirmedAtMs = nowMs;
    return wasFailing;
  }

  clampTo(nowMs: number): void {
    this.#confirmedAtMs = Math.min(this.#confirmedAtMs, nowMs);
  }
}
