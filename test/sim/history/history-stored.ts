import type { ItemKey } from "../../../src/contracts/history.ts";
import { comparePositions, itemName, type HistoryRecord } from "../../../src/history/biz/record.ts";
import type { HistoryScene } from "./history-scene.ts";

const STORED =
  "SELECT user_id AS userId, kind, item_id AS itemId, position_ms AS positionMs, duration_ms AS durationMs, at AS atMs, rev, deleted IS rev AS deleted FROM history WHERE user_id = ?";
const SET_ASIDE =
  "SELECT 1 FROM history_rejected WHERE user_id = ? AND kind = ? AND item_id = ? AND rev >= ?";
const ONE = "SELECT at, rev FROM history WHERE user_id = ? AND kind = ? AND item_id = ?";

/** Whether D1 has the record, or a newer one of its item. */
export function isStored(world: HistoryScene, record: HistoryRecord): boolean {
  const { userId, kind, itemId } = record;
  const row = world.database(world.databaseOf(userId)).db.statement(ONE).get(userId, kind, itemId);
  return (
    row !== undefined && comparePositions({ atMs: Number(row["at"]), rev: Number(row["rev"]) }, record) >= 0
  );
}

/**
 * Whether operators have the record, or a newer one of its item: it was refused, and is shown again
 * when it has been redriven.
 */
export function isSetAside(world: HistoryScene, { userId, kind, itemId, rev }: HistoryRecord): boolean {
  if (!world.options.faults.has("everything-set-aside")) return false;
  return (
    world.database(world.databaseOf(userId)).db.statement(SET_ASIDE).get(userId, kind, itemId, rev) !==
    undefined
  );
}

/**
 * Whether all these items of a user wait for D1, among those of them that are kept; not told where
 * records may have been set aside instead.
 */
export function arePending(world: HistoryScene, userId: string, keys: readonly ItemKey[]): boolean {
  const { faults, limits } = world.options;
  if (!faults.has("known-keys-refused") || faults.has("everything-set-aside")) return false;
  if (world.model.user(userId).erasure !== "none") return false;
  // What the first format leaves out of what is pending it says nowhere: it may seem to be there
  // again when newer items are deleted.
  if (world.options.isOld) return false;
  const kept = new Map(
    world.model
      .newestFirst(userId)
      .slice(0, limits.entriesPerUserMax)
      .map((record) => [itemName(record), record]),
  );
  return keys.every((key) => {
    const winner = kept.get(itemName(key));
    const mayBeLost = world.model.item({ ...key, userId })?.mayBeLost === true;
    return winner !== undefined && !mayBeLost && !isStored(world, winner);
  });
}

type Stored = Pick<
  HistoryRecord,
  "userId" | "kind" | "itemId" | "positionMs" | "durationMs" | "atMs" | "rev" | "deleted"
>;

export function storedOf(
  world: HistoryScene,
  userId: string,
  database = world.databaseOf(userId),
): readonly Stored[] {
  const rows = world.databases[database]?.db.statement(STORED).all(userId) ?? [];
  return rows.map((row) => ({ ...row, deleted: row["deleted"] === 1 })) as unknown as readonly Stored[];
}
