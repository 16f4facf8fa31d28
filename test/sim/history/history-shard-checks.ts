import type { EntryPage } from "../../../src/contracts/history.ts";
import { comparePositions, type HistoryRecord } from "../../../src/history/biz/record.ts";
import { recordName } from "../../support/databases/history-records.ts";
import type { HistoryScene } from "./history-scene.ts";
import type { Watch } from "./history-shard-watch.ts";
import type { SimStorage } from "../kernel/sim-storage.ts";

/**
 * Least time between two requests for a refill while a database stays away; clocks may step
 * meanwhile.
 */
const REFILL_SPACING_MS = 4_900;

/** Nobody has more pending than is kept of them. */
export function checkShares(pending: readonly HistoryRecord[], { world }: Watch): void {
  const { entriesPerUserMax } = world.options.limits;
  for (const [userId, records] of Map.groupBy(pending, (record) => record.userId))
    world.hold(
      records.length <= entriesPerUserMax,
      `${userId}: nobody has more pending than is kept of them`,
    );
}

/** Whether any payload of a table of a shard has a user's id in it. */
export function isNamedIn(storage: SimStorage, table: string, userId: string): boolean {
  return storage
    .inspect(`SELECT payload FROM ${table}`)
    .some(({ payload }) => payload instanceof Uint8Array && Buffer.from(payload).includes(userId));
}

/** What a shard hands to the job is never an old state whose successor is durable. */
export function checkHandedOut(records: readonly HistoryRecord[], { model, hold }: HistoryScene): void {
  for (const record of records) {
    const winner = model.winner(record);
    hold(winner !== undefined, `${recordName(record)}: only what somebody has reported is handed out`);
    const isReplaced =
      winner !== undefined && winner.rev > record.rev && comparePositions(winner, record) > 0;
    hold(!isReplaced, `${recordName(record)}: no state comes back whose successor is durable`);
  }
}

/** While a database stays away nobody asks for it again and again. */
export function checkRefill({ world, refilledAtMs, number }: Watch, database: number): void {
  const { kernel } = world.options;
  world.counters.note("refill asked for");
  const before = refilledAtMs.get(database);
  const isRare = before === undefined || kernel.nowMs - before >= REFILL_SPACING_MS;
  world.hold(
    isRare || world.options.faults.has("month-ahead"),
    `shard ${number}: refills are asked for seldom`,
  );
  refilledAtMs.set(database, kernel.nowMs);
}

/**
 * What leaves a shard, however long D1 took: nothing of whom it has erased meanwhile, and nothing
 * as sure beside rows that it can't read.
 */
export function checkShown(
  userId: string,
  page: EntryPage,
  unreadRows: number,
  { world, erased }: Watch,
): void {
  const isErased = erased.has(userId);
  world.hold(page.items.length === 0 || !isErased, `${userId}: a shard shows nothing of whom it has erased`);
  world.hold(
    unreadRows === 0 || isErased || page.degraded === true,
    `${userId}: nothing is sure beside rows that can't be read`,
  );
}
