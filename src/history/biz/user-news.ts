import type { UserNews } from "../../contracts/realtime-rpc.ts";
import type { DurablePending } from "./durable-pending.ts";
import { newestOf } from "./known-state.ts";
import { encodePlace, placeAt } from "./place.ts";
import { inOrder, placedRecord, placedState, type Placed } from "./placed-changes.ts";
import { itemName, type HistoryRecord } from "./record.ts";
import type { Untold } from "./untold.ts";
import { admits, type UserState } from "./user-state.ts";
import type { UserView } from "./user-view.ts";
import type { UserViews } from "./user-views.ts";
import type { WatchRules } from "./watch-rules.ts";

interface UserNewsDeps {
  readonly durable: DurablePending;
  readonly views: UserViews;
  readonly rules: WatchRules;
}

/**
 * What a comet is told of a user, from what is in memory: the newest state of each item that has
 * changed, in the order of `changes`, whose cursor it bears. Nobody is asked. Where memory can't
 * tell for sure what a list would show (D1 may know better of what came late, or know a duration),
 * the news is that there is some, and the comet asks. Null where there is nothing to tell.
 */
export function newsOf(
  { durable, views, rules }: UserNewsDeps,
  userId: string,
  untold: Untold,
): UserNews | null {
  const { fromRev, items, source } = untold;
  const behind = { userId, behind: encodePlace(placeAt(fromRev)) };
  if (items === null) return behind;
  const state = durable.stateOf(userId);
  // What is forgotten by now can't be told any more: `changes` says what becomes of that.
  if ((state?.forgottenRev ?? 0) > fromRev) return behind;
  const view = views.peek(userId);
  const placed: Placed[] = [];
  for (const written of items.values()) {
    // Of the same state the view knows most: it has the duration that an earlier one told.
    const record = newestOf(view?.get(itemName(written)), durable.pending.get(written), written) ?? written;
    if (!admits(state, record)) continue;
    if (!isSure(durable, record, view)) return behind;
    placed.push(placedRecord(record, rules));
  }
  if (state !== null) {
    if (!reachesFloor(state, fromRev, view)) return behind;
    placed.push(...placedState(fromRev, state, view, rules));
  }
  if (placed.length === 0) return null;
  return {
    userId,
    changes: inOrder(placed).flatMap(({ changes }) => changes),
    cursor: encodePlace(placeAt(durable.writtenRev)),
    ...(source !== undefined && { except: source }),
  };
}

/** Whether a list shows this of its item, whatever D1 has. */
function isSure(durable: DurablePending, record: HistoryRecord, view: UserView | undefined): boolean {
  if (view?.isSureOf(record) === true) return true;
  const { pending } = durable;
  if (pending.get(record)?.rev !== record.rev || !durable.isAfterAllThatLeft(record)) return false;
  return record.deleted ? pending.isNewest(record) : pending.isWhole(record);
}

/** A floor is told with what is kept of the same time. */
function reachesFloor({ floor, floorRev }: UserState, rev: number, view: UserView | undefined): boolean {
  return floor === null || floorRev <= rev || view?.reaches(floor) === true;
}
