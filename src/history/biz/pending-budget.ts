import type { PendingSet } from "./pending-set.ts";

interface PendingBudgetDeps {
  readonly pending: PendingSet;
  /** Records and bytes that may be pending or on their way to be. */
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly recordsPerUserMax: number;
  /** Databases that share it. */
  readonly databases: number;
}

/** What a batch of reports would add: nothing where its items are pending already. */
export interface Addition {
  readonly database: number;
  readonly records: number;
  readonly bytes: number;
}

/** From this share of its limit on, what is pending is sent to the job early. */
const EARLY_SHARE = 0.5;

/**
 * How much a shard may hold back for databases that don't take it. It is one budget for all of a
 * shard's users, so nobody may use it up: a user has no more pending than retention would keep, a
 * database no more than half while another one works, and what waits for its commit counts as
 * pending already.
 */
export class PendingBudget {
  readonly #deps: PendingBudgetDeps;
  readonly #waiting = new Map<number, { records: number; bytes: number }>();

  constructor(deps: PendingBudgetDeps) {
    this.#deps = deps;
  }

  /**
   * Takes what a batch would add into account; false where there is no room for it. Whoever is told
   * true must {@link settle}.
   */
  tryReserve({ database, records, bytes }: Addition): boolean {
    // I6. What is pending already is replaced and adds nothing.
    if (records > 0 && !this.#hasRoom(database, records, bytes)) return false;
    const waiting = this.#waitingFor(database);
    waiting.records += records;
    waiting.bytes += bytes;
    return true;
  }

  /** The batch is pending now, or has failed. */
  settle({ database, records, bytes }: Addition): void {
    const waiting = this.#waitingFor(database);
    waiting.records -= records;
    waiting.bytes -= bytes;
  }

  /** Records that a user's batch of so many new items would add at most. */
  roomOfUser(userId: string): number {
    return this.#deps.recordsPerUserMax - this.#deps.pending.countOf(userId);
  }

  /**
   * Whether databases that work are so far behind that waiting for the window would fill the
   * budget.
   */
  get isFillingUp(): boolean {
    for (const share of this.#deps.pending.shares) {
      if (share.isFailing) continue;
      const limit = this.#limitShare(share.database) * EARLY_SHARE;
      if (share.count >= limit * this.#deps.recordsMax || share.bytes >= limit * this.#deps.bytesMax)
        return true;
    }
    return false;
  }

  #hasRoom(database: number, records: number, bytes: number): boolean {
    const { pending, recordsMax, bytesMax } = this.#deps;
    let [allRecords, allBytes] = [pending.count, pending.bytes];
    for (const waiting of this.#waiting.values()) {
      allRecords += waiting.records;
      allBytes += waiting.bytes;
    }
    if (allRecords + records > recordsMax || allBytes + bytes > bytesMax) return false;
    const limit = this.#limitShare(database);
    const waiting = this.#waitingFor(database);
    const share = pending.shareFor(database);
    return (
      share.count + waiting.records + records <= limit * recordsMax &&
      share.bytes + waiting.bytes + bytes <= limit * bytesMax
    );
  }

  /** One database may fill all there is only where no other one could use it. */
  #limitShare(database: number): number {
    if (this.#deps.databases === 1) return 1;
    let failing = 0;
    for (const share of this.#deps.pending.shares)
      if (share.isFailing && share.database !== database) failing += 1;
    return failing >= this.#deps.databases - 1 ? 1 : 0.5;
  }

  #waitingFor(database: number): { records: number; bytes: number } {
    let waiting = this.#waiting.get(database);
    if (waiting === undefined) {
      waiting = { records: 0, bytes: 0 };
      this.#waiting.set(database, waiting);
    }
    return waiting;
  }
}
