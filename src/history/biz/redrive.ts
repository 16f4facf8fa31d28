import { codeOf, CodedError, describeCauses, isCode } from "../../contracts/errors.ts";
import {
  REDRIVEN_MAX,
  type RedriveReceipt,
  type RedriveRejected,
  type RejectedKey,
} from "../../contracts/rejected.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import type { RejectedRow, RejectedStore } from "./ports.ts";
import { recordSchema } from "./record-schema.ts";
import { readJson } from "./rejected.ts";

const CONCURRENCY_MAX = 6;

interface Found {
  readonly store: RejectedStore;
  readonly row: RejectedRow;
}

/**
 * Tries to write records that were set aside, at most {@link REDRIVEN_MAX} a call: those named, or
 * the oldest. One that is refused again stays with its new reason and counts as the newest, so that
 * the next call begins with others. Where a database fails, what is not tried is left for another
 * call; throws only if nothing has been done.
 */
export async function redriveRejected(
  stores: readonly RejectedStore[],
  { items, dryRun = false }: RedriveRejected,
): Promise<RedriveReceipt> {
  const { found, more } = await (items === undefined ? oldestOf(stores) : named(stores, items));
  if (dryRun) return { redriven: found.map(keyOf), refused: [], more };
  const redriven: RedriveReceipt["redriven"][number][] = [];
  const refused: RedriveReceipt["refused"][number][] = [];
  const failures: unknown[] = [];
  const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
  for (const each of found) {
    group.go(async () => {
      if (failures.length > 0) return;
      try {
        const reason = await reasonAgainst(each);
        if (reason === null) redriven.push(keyOf(each));
        else refused.push({ ...keyOf(each), reason });
      } catch (error) {
        failures.push(error);
      }
    });
  }
  await group.wait();
  if (failures.length > 0 && redriven.length + refused.length === 0) {
    throw new CodedError(codeOf(failures[0]), "redrive rejected records", { cause: failures[0] });
  }
  return { redriven, refused, more: more || failures.length > 0 };
}

/** Tries one. Null where it is done, why not where it is refused again. */
async function reasonAgainst({ store, row }: Found): Promise<string | null> {
  const read = recordSchema.safeParse(readJson(row.record));
  let reason: string;
  if (read.success) {
    try {
      await store.write(row, read.data);
      return null;
    } catch (error) {
      if (!isCode(error, "INVALID")) throw error;
      reason = describeCauses(error);
    }
  } else
    reason = `no record: ${read.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ")}`;
  await store.refusedAgain(row, reason);
  return reason;
}

async function named(
  stores: readonly RejectedStore[],
  keys: readonly RejectedKey[],
): Promise<{ found: readonly Found[]; more: boolean }> {
  const found: Found[] = [];
  for (const store of stores) for (const row of await store.find(keys)) found.push({ store, row });
  return { found, more: false };
}

async function oldestOf(
  stores: readonly RejectedStore[],
): Promise<{ found: readonly Found[]; more: boolean }> {
  const found: Found[] = [];
  for (const store of stores)
    for (const row of await store.oldest(REDRIVEN_MAX + 1)) found.push({ store, row });
  const oldestFirst = found.toSorted((a, b) => a.row.rejectedAtMs - b.row.rejectedAtMs);
  return { found: oldestFirst.slice(0, REDRIVEN_MAX), more: oldestFirst.length > REDRIVEN_MAX };
}

function keyOf({ row: { userId, kind, itemId, rev }, store: { cell } }: Found) {
  const key: RejectedKey = { userId, kind, itemId, rev };
  return cell === undefined ? key : { ...key, cell };
}
