import { comparePositions, itemName, newerOf, recordBytes, type HistoryRecord, type Position } from "./record.ts";

const VIEW_OVERHEAD_BYTES = 400;

/**
 * One user's newest entries in memory: what a restart may take away and D1 gives back. `loading` until D1 has answered; mutations
 * that come in meanwhile are in it already, and the answer never overwrites a newer one.
 */
export class UserView {
  readonly #records = new Map<string, HistoryRecord>();
  readonly #entriesMax: number;
  #sorted: readonly HistoryRecord[] | null = null;
  #bytes = VIEW_OVERHEAD_BYTES;
  state: "loading" | "complete" = "loading";

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#records.size === 0;
  }

  /** Takes a record, unless a newer one of the same item is known. */
  merge(record: HistoryRecord): void {
    const name = itemName(record);
    const known = this.#records.get(name);
    const winner = known === undefined ? record : newerOf(known, record);
    if (winner === known) return;
    if (known !== undefined) this.#bytes -= recordBytes(known);
    this.#records.set(name, winner);
    this.#bytes += recordBytes(winner);
    this.#sorted = null;
    if (this.#records.size > this.#entriesMax + this.#slack()) this.#trim();
  }

  get(name: string): HistoryRecord | undefined {
    return this.#records.get(name);
  }

  /** All entries, newest first, at most `entriesMax`. */
  newestFirst(): readonly HistoryRecord[] {
    if (this.#sorted === null) {
      this.#sorted = [...this.#records.values()].sort((a, b) => comparePositions(b, a)).slice(0, this.#entriesMax);
    }
    return this.#sorted;
  }

  /** Sorting at every report beyond the limit would be dear: trim a tenth at a time. */
  #slack(): number {
    return Math.ceil(this.#entriesMax / 10);
  }

  #trim(): void {
    const kept = this.newestFirst();
    this.#records.clear();
    this.#bytes = VIEW_OVERHEAD_BYTES;
    for (const record of kept) {
      this.#records.set(itemName(record), record);
      this.#bytes += recordBytes(record);
    }
  }
}

/** Entries strictly after `after` in newest-first order, at most `limit` of those that `accept` takes. */
export function pageOf(
  records: readonly HistoryRecord[],
  {
    after,
    limit,
    accept,
  }: { readonly after: Position | null; readonly limit: number; readonly accept: (record: HistoryRecord) => boolean },
): { readonly records: readonly HistoryRecord[]; readonly next: Position | null } {
  const page: HistoryRecord[] = [];
  for (const record of records) {
    if (after !== null && comparePositions(record, after) >= 0) continue;
    if (!accept(record)) continue;
    const last = page.at(-1);
    if (page.length === limit && last !== undefined) return { records: page, next: { atMs: last.atMs, rev: last.rev } };
    page.push(record);
  }
  return { records: page, next: null };
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
