import type { Change } from "../../contracts/history.ts";
import { HybridClock } from "./hybrid-clock.ts";
import { entryOf, type EntryRules, type HistoryRecord, type Position } from "./record.ts";
import type { UserState } from "./user-state.ts";
import type { UserView } from "./user-view.ts";

/** A change, and its place in the user's order. */
export interface Placed {
  readonly rev: number;
  readonly changes: readonly Change[];
}

/** A record as a change. */
export function placedRecord(record: HistoryRecord, rules: EntryRules): Placed {
  return { rev: record.rev, changes: [changeOf(record, rules)] };
}

/**
 * What has changed after a revision of what holds for a user as a whole. `view` must reach as far
 * as the floor.
 */
export function placedState(
  rev: number,
  { settingsRev, paused, cleared, floor, floorRev }: UserState,
  view: UserView | undefined,
  rules: EntryRules,
): readonly Placed[] {
  const placed: Placed[] = [];
  if (settingsRev > rev) placed.push({ rev: settingsRev, changes: [{ settings: { paused } }] });
  if (cleared !== null && cleared.rev > rev)
    placed.push({ rev: cleared.rev, changes: [{ cleared: { before: latestMsOf(cleared) + 1 } }] });
  if (floor !== null && floorRev > rev)
    placed.push({ rev: floorRev, changes: trimmedAt(floor.atMs, view, rules) });
  return placed;
}

/** In the user's order. */
export function inOrder(placed: readonly Placed[]): readonly Placed[] {
  return placed.toSorted((a, b) => a.rev - b.rev);
}

/** Clients know times and no revisions: what is kept of the same time is told again. */
function trimmedAt(atMs: number, view: UserView | undefined, rules: EntryRules): readonly Change[] {
  const kept = Array.from(view?.all() ?? [])
    .filter((record) => record.atMs === atMs && !record.deleted)
    .sort((a, b) => a.rev - b.rev);
  return [{ trimmed: { before: atMs + 1 } }, ...kept.map((record) => changeOf(record, rules))];
}

function changeOf(record: HistoryRecord, rules: EntryRules): Change {
  const { kind, itemId, atMs, deleted } = record;
  return deleted ? { removed: { kind, itemId, at: atMs } } : { entry: entryOf(record, rules) };
}

/** The latest that anything is dated which had come by the time of a clear, in ms. */
function latestMsOf({ atMs, rev }: Position): number {
  return Math.max(atMs, HybridClock.wallMsOf(rev));
}
