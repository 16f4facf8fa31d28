import { newestOf } from "./known-state.ts";
import { itemName, type HistoryRecord } from "./record.ts";

/** What has changed of a user that a comet has not been told. */
export interface Untold {
  /** All up to this revision has been told, or was never to be. */
  readonly fromRev: number;
  /** Items that have changed, by name; null: too many, or nobody knows which. */
  readonly items: ReadonlyMap<string, HistoryRecord> | null;
  /** The one socket that all of it came from. */
  readonly source?: string;
}

/** Items of one user that are told one by one; beyond that a comet asks for what has changed. */
export const ITEMS_PER_USER_MAX = 200;

/** Records of a user that have just been written. */
export function untoldRecords(records: readonly HistoryRecord[], source: string | undefined): Untold {
  const fromRev = records.reduce((least, { rev }) => Math.min(least, rev - 1), Number.POSITIVE_INFINITY);
  return { fromRev, items: newestByName(records), ...(source !== undefined && { source }) };
}

/** A part of what holds for a user as a whole, which has just been written with that revision. */
export function untoldState(rev: number): Untold {
  return { fromRev: rev - 1, items: NO_ITEMS };
}

/** Nobody knows what has changed after a revision. */
export function untoldSince(rev: number): Untold {
  return { fromRev: rev, items: null };
}

/** Both of them. */
export function bothUntold(a: Untold, b: Untold): Untold {
  const { source } = a;
  return {
    fromRev: Math.min(a.fromRev, b.fromRev),
    items:
      a.items === null || b.items === null ? null : newestByName([...a.items.values(), ...b.items.values()]),
    ...(source !== undefined && source === b.source && { source }),
  };
}

const NO_ITEMS: ReadonlyMap<string, HistoryRecord> = new Map();

function newestByName(records: readonly HistoryRecord[]): ReadonlyMap<string, HistoryRecord> | null {
  const items = new Map<string, HistoryRecord>();
  for (const record of records) {
    const name = itemName(record);
    items.set(name, newestOf(items.get(name), record) ?? record);
  }
  return items.size > ITEMS_PER_USER_MAX ? null : items;
}
