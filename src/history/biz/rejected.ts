import { CodedError } from "../../contracts/errors.ts";
import type { RejectedPage, RejectedQuery, RejectedRecord } from "../../contracts/rejected.ts";
import * as z from "zod";
import type { RejectedPosition, RejectedRow, RejectedStore } from "./ports.ts";

const cursorSchema = z.tuple([z.int(), z.string(), z.string(), z.string(), z.int(), z.int()]);

interface Placed extends RejectedRow {
  /** Its number among those of the cell. */
  readonly database: number;
  readonly cell?: string;
}

/**
 * One page of what all databases have set aside, newest first. Throws `INVALID` on a cursor that is
 * none of ours.
 */
export async function listRejected(
  stores: readonly RejectedStore[],
  { limit, cursor }: RejectedQuery,
): Promise<RejectedPage> {
  const after = cursor === undefined ? null : decode(cursor);
  const rows: Placed[] = [];
  for (const store of stores) {
    const { cell, database } = store;
    // Two more than asked for: the row at the cursor itself, and one to know of a next page.
    for (const row of await store.newest(after, limit + 2))
      rows.push({ ...row, database, ...(cell !== undefined && { cell }) });
  }
  const items = rows.filter((row) => after === null || newestFirst(row, after) > 0).toSorted(newestFirst);
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(viewOf),
    ...(items.length > limit && last !== undefined ? { nextCursor: encode(last) } : {}),
  };
}

function viewOf({
  userId,
  kind,
  itemId,
  rev,
  database,
  cell,
  reason,
  rejectedAtMs,
  record,
}: Placed): RejectedRecord {
  const view = { userId, kind, itemId, rev, database, reason, at: rejectedAtMs, record: readJson(record) };
  return cell === undefined ? view : { ...view, cell };
}

/** The record as it was set aside, null where it can't be read. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

type Place = RejectedPosition & { readonly database: number };

function newestFirst(a: Place, b: Place): number {
  return (
    b.rejectedAtMs - a.rejectedAtMs ||
    compare(b.userId, a.userId) ||
    compare(b.kind, a.kind) ||
    compare(b.itemId, a.itemId) ||
    b.rev - a.rev ||
    b.database - a.database
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function encode({ rejectedAtMs, userId, kind, itemId, rev, database }: Place): string {
  const text = encodeURIComponent(JSON.stringify([rejectedAtMs, userId, kind, itemId, rev, database]));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function decode(cursor: string): Place {
  try {
    const text = decodeURIComponent(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")));
    const [rejectedAtMs, userId, kind, itemId, rev, database] = cursorSchema.parse(JSON.parse(text));
    return { rejectedAtMs, userId, kind, itemId, rev, database };
  } catch (cause) {
    const errors = [{ path: "cursor", message: "is not a cursor of ours" }];
    throw new CodedError("INVALID", "Some values are not valid; see errors", { cause, errors });
  }
}
