import {
  comparePositions,
  itemName,
  knownDuration,
  mergeRecords,
  recordBytes,
  type HistoryRecord,
  type Position,
} from "./record.ts";

const VIEW_OVERHEAD_BYTES = 400;

/**
 * One user's newest records in memory, entries and tombstones: what a restart may take away and D1
 * gives back. Mutations that come in while D1 is asked are in it already, and the answer never
 * overwrites a newer one.
 *
 * How far it reaches: `null`, nowhere yet, D1 has not answered; a position, D1 gave its newest
 * entries down to that one; `"all"`, there is nothing beyond what is here.
 */
export class UserView {
  readonly #records = new Map<string, HistoryRecord>();
  /**
   * Items that were reported without a duration: D1 may know it, in a row that is beyond the reach.
   */
  readonly #unsure = new Set<string>();
  readonly #entriesMax: number;
  /** The newest entry that was taken out as there are enough newer ones, until that is settled. */
  #beyond: HistoryRecord | null = null;
  #sorted: readonly HistoryRecord[] | null = null;
  #entries = 0;
  #bytes = VIEW_OVERHEAD_BYTES;
  reach: Position | "all" | null = null;
  /**
   * Queries under way for it: so long it stays in memory, or what comes in meanwhile would not be
   * in it.
   */
  loads = 0;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#records.size === 0;
  }

  /** Everything, tombstones too, in no order. */
  all(): Iterable<HistoryRecord> {
    return this.#records.values();
  }

  /**
   * Takes a record; of one that is older than the known one, no more than the duration where that
   * isn't known.
   */
  merge(record: HistoryRecord): void {
    const name = itemName(record);
    const known = this.#records.get(name);
    const winner = known === undefined ? record : mergeRecords(known, record);
    if (winner === known) return;
    if (knownDuration(winner) !== null) this.#unsure.delete(name);
    else if (known === undefined) this.#unsure.add(name);
    if (known !== undefined) this.#weigh(known, -1);
    this.#records.set(name, winner);
    this.#weigh(winner, 1);
    this.#sorted = null;
    if (this.#entries > this.#entriesMax + this.#slack()) this.#trim();
  }

  /** Forgets what does not pass. */
  retain(passes: (record: HistoryRecord) => boolean): void {
    if (this.#beyond !== null && !passes(this.#beyond)) this.#beyond = null;
    for (const [name, record] of this.#records) {
      if (!passes(record)) this.#drop(name, record);
    }
  }

  /** One of the entries that {@link newestFirst} gives, or a tombstone. */
  get(name: string): HistoryRecord | undefined {
    const record = this.#records.get(name);
    if (record === undefined || record.deleted || this.#entries <= this.#entriesMax) return record;
    // A few more than the newest are held between two trims; to readers they are not there.
    const last = this.newestFirst().at(-1);
    return last !== undefined && comparePositions(record, last) >= 0 ? record : undefined;
  }

  /** The newest entry that is beyond what is kept of a user; null where nothing is. */
  newestBeyond(): HistoryRecord | null {
    let newest = this.#beyond;
    if (this.#entries <= this.#entriesMax) return newest;
    const last = this.newestFirst().at(-1);
    for (const record of this.#records.values()) {
      if (record.deleted || (last !== undefined && comparePositions(record, last) >= 0)) continue;
      if (newest === null || comparePositions(record, newest) > 0) newest = record;
    }
    return newest;
  }

  /** These, merged already, are what D1 has of their items. */
  areStored(records: readonly HistoryRecord[]): void {
    for (const record of records) this.#unsure.delete(itemName(record));
  }

  /** Whether an entry is all that there is to be known of its item. */
  isSureOf(record: HistoryRecord): boolean {
    return this.reaches(record) && (this.reach === "all" || !this.#unsure.has(itemName(record)));
  }

  /** Whether an entry at that position, or the lack of one, is known for sure. */
  reaches(position: Position): boolean {
    return this.reach === "all" || (this.reach !== null && comparePositions(position, this.reach) >= 0);
  }

  /** All entries, newest first, at most `entriesMax`. */
  newestFirst(): readonly HistoryRecord[] {
    if (this.#sorted === null) {
      this.#sorted = Array.from(this.#records.values())
        .filter(({ deleted }) => !deleted)
        .sort((a, b) => comparePositions(b, a))
        .slice(0, this.#entriesMax);
    }
    return this.#sorted;
  }

  /** Sorting at every report beyond the limit would be dear: trim a tenth at a time. */
  #slack(): number {
    return Math.ceil(this.#entriesMax / 10);
  }

  #trim(): void {
    const last = this.newestFirst().at(-1);
    if (last === undefined) return;
    this.#beyond = this.newestBeyond();
    for (const [name, record] of this.#records)
      if (!record.deleted && comparePositions(record, last) < 0) this.#drop(name, record);
  }

  #drop(name: string, record: HistoryRecord): void {
    this.#records.delete(name);
    this.#unsure.delete(name);
    this.#weigh(record, -1);
    this.#sorted = null;
  }

  #weigh(record: HistoryRecord, sign: 1 | -1): void {
    this.#bytes += sign * recordBytes(record);
    if (!record.deleted) this.#entries += sign;
  }
}

export interface PageQuery {
  readonly after: Position | null;
  readonly limit: number;
  readonly accept: (record: HistoryRecord) => boolean;
  /** Whether it matters if anything follows. */
  readonly wantsNext: boolean;
}

export interface Page {
  readonly records: readonly HistoryRecord[];
  readonly next: Position | null;
}

/**
 * Entries of a view strictly after `after` in newest-first order, at most `limit` of those that
 * `accept` takes; null where the view does not reach far enough to tell.
 */
export function pageOf(view: UserView, query: PageQuery): Page | null {
  const page = pageOfKnown(view.newestFirst(), query, (record) => view.isSureOf(record));
  return page.isCut && view.reach !== "all" ? null : page;
}

/** The same of whatever a view holds, for answers that are marked as degraded. */
export function pageOfAll(view: UserView, query: PageQuery): Page {
  return pageOfKnown(view.newestFirst(), query, () => true);
}

function pageOfKnown(
  records: readonly HistoryRecord[],
  { after, limit, accept, wantsNext }: PageQuery,
  isKnown: (record: HistoryRecord) => boolean,
): Page & { readonly isCut: boolean } {
  const page: HistoryRecord[] = [];
  for (const record of records) {
    if (!isKnown(record)) break;
    if (after !== null && comparePositions(record, after) >= 0) continue;
    if (!accept(record)) continue;
    const last = page.at(-1);
    if (page.length === limit && last !== undefined)
      return { records: page, next: { atMs: last.atMs, rev: last.rev }, isCut: false };
    page.push(record);
    if (!wantsNext && page.length === limit) return { records: page, next: null, isCut: false };
  }
  // Nothing follows, unless beyond what is known.
  return { records: page, next: null, isCut: true };
}

/** A position as the opaque cursor of the public contract. */
export function encodeCursor(position: Position): string {
  return `${position.atMs.toString(36)}.${position.rev.toString(36)}`;
}

/** Reads {@link encodeCursor}'s text, which the contract's schema has checked already. */
export function decodeCursor(cursor: string): Position {
  const [at = "", rev = ""] = cursor.split(".");
  return { atMs: Number.parseInt(at, 36), rev: Number.parseInt(rev, 36) };
}
