import type { DatabaseShare } from "./database-share.ts";
import type { PendingSet } from "./pending-set.ts";

interface PendingBudgetDeps {
  readonly pending: PendingSet;
  /** What is pending as well, and will be in memory when it has been read back. */
  readonly unread: { readonly count: number; readonly bytes: number };
  /** Records and bytes that may be pending or on their way to be. */
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly entriesPerUserMax: number;
  /** Databases that share it. */
  readonly databases: () => number;
}

/** What a batch of reports would add: nothing where its items are pending already. */
export interface Addition {
  readonly database: number;
  readonly records: number;
  readonly bytes: number;
}

/** What all databases have together, what waits for its commit included. */
interface InUse {
  readonly records: number;
  readonly bytes: number;
  /** Of it, what each has beyond the part that is kept for it. */
  readonly lentRecords: number;
  readonly lentBytes: number;
  /** Databases that are away. */
  readonly failing: number;
}

/** There may be as many tombstones of a user as entries. */
const RECORDS_PER_ENTRY = 2;
/** From this share of its limit on, what is pending is sent to the job early. */
const EARLY_SHARE = 0.5;

/**
 * How much a shard may hold back for databases that don't take it. It is one budget for all of a
 * shard's users, so nobody may use it up: a user has no more pending than retention would keep,
 * tombstones as well as entries, a database no more than half while another one works, and what
 * waits for its commit counts as pending already. Several databases that are away must not fill it
 * together: a part of half of it is kept for each, as many parts as it has others, and only what
 * nobody keeps is lent.
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

  /** Whether a user's records may become so many more, tombstones among them. */
  mayAdd(userId: string, records: number): boolean {
    const { pending, entriesPerUserMax } = this.#deps;
    return records === 0 || pending.countOf(userId) + records <= RECORDS_PER_ENTRY * entriesPerUserMax;
  }

  /** Entries that a user's batch of so many new items would add at most. */
  roomOfUser(userId: string): number {
    return this.#deps.entriesPerUserMax - this.#deps.pending.entriesOf(userId);
  }

  /**
   * Whether databases that work are so far behind that waiting for the window would fill the
   * budget.
   */
  get isFillingUp(): boolean {
    const inUse = this.#inUse();
    for (const share of this.#deps.pending.shares) {
      if (share.isFailing) continue;
      const limit = this.#limitShare(share, inUse) * EARLY_SHARE;
      if (share.count >= limit * this.#deps.recordsMax || share.bytes >= limit * this.#deps.bytesMax)
        return true;
      // Several that are away may have left it less than that; a single one can't.
      if (share.count > 0 && this.#deps.databases() > 2 && this.#isFull(share, inUse)) return true;
    }
    return false;
  }

  #hasRoom(database: number, records: number, bytes: number): boolean {
    const left = this.#leftFor(this.#deps.pending.shareFor(database), this.#inUse());
    return records <= left.records && bytes <= left.bytes;
  }

  #isFull(share: DatabaseShare, inUse: InUse): boolean {
    const left = this.#leftFor(share, inUse);
    return left.records < 1 || left.bytes < 1;
  }

  /** One walk over the databases, of which there may be a thousand, and not one for each. */
  #inUse(): InUse {
    const { pending, unread, recordsMax, bytesMax } = this.#deps;
    const [keptRecords, keptBytes] = [this.#keptOf(recordsMax), this.#keptOf(bytesMax)];
    let [records, bytes] = [pending.count + unread.count, pending.bytes + unread.bytes];
    for (const waiting of this.#waiting.values()) {
      records += waiting.records;
      bytes += waiting.bytes;
    }
    let [lentRecords, lentBytes, failing] = [0, 0, 0];
    for (const share of pending.shares) {
      const waiting = this.#waiting.get(share.database);
      lentRecords += Math.max(0, share.count + (waiting?.records ?? 0) - keptRecords);
      lentBytes += Math.max(0, share.bytes + (waiting?.bytes ?? 0) - keptBytes);
      if (share.isFailing) failing += 1;
    }
    return { records, bytes, lentRecords, lentBytes, failing };
  }

  /** What a database may have beside what it has. */
  #leftFor(share: DatabaseShare, inUse: InUse): { readonly records: number; readonly bytes: number } {
    const { recordsMax, bytesMax } = this.#deps;
    const waiting = this.#waitingFor(share.database);
    const mayHaveAll = this.#limitShare(share, inUse) === 1;
    const left = (max: number, used: number, usedByAll: number, lentToAll: number): number => {
      if (mayHaveAll) return max - usedByAll;
      const kept = this.#keptOf(max);
      const lentToOthers = lentToAll - Math.max(0, used - kept);
      return Math.min(max - usedByAll, Math.max(kept, max / 2 - lentToOthers) - used);
    };
    return {
      records: left(recordsMax, share.count + waiting.records, inUse.records, inUse.lentRecords),
      bytes: left(bytesMax, share.bytes + waiting.bytes, inUse.bytes, inUse.lentBytes),
    };
  }

  /** The part that is kept for each database; a single one shares with nobody. */
  #keptOf(max: number): number {
    return max / (2 * Math.max(1, this.#deps.databases() - 1));
  }

  /** One database may fill all there is only where no other one could use it. */
  #limitShare({ isFailing }: DatabaseShare, inUse: InUse): number {
    const databases = this.#deps.databases();
    if (databases === 1) return 1;
    const othersFailing = inUse.failing - (isFailing ? 1 : 0);
    return othersFailing >= databases - 1 ? 1 : 0.5;
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
