import { comparePositions, type HistoryRecord, type Position } from "./record.ts";

/**
 * What holds for a user as a whole. Each part grows in one direction only, so that two copies of it
 * are joined part by part, in whatever order they meet. Most users have none.
 */
export interface UserState {
  readonly userId: string;
  readonly paused: boolean;
  /** The present pause or the last one, in ms since the epoch; null where there was none. */
  readonly pausedFromMs: number | null;
  readonly pausedUntilMs: number | null;
  /** When the settings were changed last, in revisions; 0: never. */
  readonly settingsRev: number;
  /**
   * Everything up to here was cleared, and everything that had come by then, its revision, whatever
   * its date: a clock that has been ahead dates records later than the clear.
   */
  readonly cleared: Position | null;
  /** Everything up to here is beyond what is kept of a user. */
  readonly floor: Position | null;
  /** When that was found, in revisions; 0: never. */
  readonly floorRev: number;
  /** Tombstones up to this revision are forgotten; 0: none. */
  readonly forgottenRev: number;
}

/** D1 holds each part of a user's state as it was at a revision. */
export interface StateConfirmation {
  readonly userId: string;
  readonly settingsRev: number;
  readonly clearedRev: number;
  readonly floorRev: number;
  readonly forgottenRev: number;
}

/** A user of whom nothing is kept. */
export function newUserState(userId: string): UserState {
  return {
    userId,
    paused: false,
    pausedFromMs: null,
    pausedUntilMs: null,
    settingsRev: 0,
    cleared: null,
    floor: null,
    floorRev: 0,
    forgottenRev: 0,
  };
}

/** The newest change of any part, in revisions. */
export function revOfState({ settingsRev, cleared, floorRev, forgottenRev }: UserState): number {
  return Math.max(settingsRev, cleared?.rev ?? 0, floorRev, forgottenRev);
}

/** What confirms a state as it was collected. */
export function confirmationOfState({
  userId,
  settingsRev,
  cleared,
  floorRev,
  forgottenRev,
}: UserState): StateConfirmation {
  return { userId, settingsRev, clearedRev: cleared?.rev ?? 0, floorRev, forgottenRev };
}

/**
 * Whether D1 holds all of a state. Part by part: a tombstone is forgotten long after it was made,
 * when another part may have a later revision.
 */
export function isConfirmedBy(state: UserState, confirmed: StateConfirmation): boolean {
  return (
    state.settingsRev <= confirmed.settingsRev &&
    (state.cleared?.rev ?? 0) <= confirmed.clearedRev &&
    state.floorRev <= confirmed.floorRev &&
    state.forgottenRev <= confirmed.forgottenRev
  );
}

/** The state that stands after both have been seen: of each part the later one. */
export function joinStates(a: UserState, b: UserState): UserState {
  const settings = a.settingsRev >= b.settingsRev ? a : b;
  const floors = compareFloors(a, b) >= 0 ? a : b;
  return {
    userId: a.userId,
    paused: settings.paused,
    pausedFromMs: settings.pausedFromMs,
    pausedUntilMs: settings.pausedUntilMs,
    settingsRev: settings.settingsRev,
    cleared: laterOf(a.cleared, b.cleared),
    floor: floors.floor,
    floorRev: floors.floorRev,
    forgottenRev: Math.max(a.forgottenRev, b.forgottenRev),
  };
}

/** Whether a record is neither cleared, nor beyond what is kept, nor a forgotten tombstone. */
export function admits(
  state: UserState | null,
  record: Pick<HistoryRecord, "atMs" | "rev" | "deleted">,
): boolean {
  if (state === null) return true;
  if (record.deleted && record.rev <= state.forgottenRev) return false;
  if (state.cleared !== null && record.rev <= state.cleared.rev) return false;
  return isAfter(record, state.cleared) && isAfter(record, state.floor);
}

/**
 * Whether a record may be something that D1 lacks. What came before the last tombstone that is
 * forgotten it has, or has had before that was deleted: no old copy of it may come back.
 */
export function mayBePending(
  state: UserState | null,
  record: Pick<HistoryRecord, "atMs" | "rev" | "deleted">,
): boolean {
  return admits(state, record) && record.rev > (state?.forgottenRev ?? 0);
}

/**
 * Whether a report is ignored: the user has paused their history as it arrives, or it tells of
 * something that was watched during the last pause.
 */
export function isPausedAt(state: UserState | null, atMs: number): boolean {
  if (state === null) return false;
  if (state.paused) return true;
  const { pausedFromMs, pausedUntilMs } = state;
  return pausedFromMs !== null && pausedUntilMs !== null && atMs >= pausedFromMs && atMs < pausedUntilMs;
}

function isAfter(record: Position, bound: Position | null): boolean {
  return bound === null || comparePositions(record, bound) > 0;
}

function laterOf(a: Position | null, b: Position | null): Position | null {
  if (a === null || b === null) return a ?? b;
  return comparePositions(a, b) >= 0 ? a : b;
}

function compareFloors(a: UserState, b: UserState): number {
  if (a.floor === null || b.floor === null) return (a.floor === null ? 0 : 1) - (b.floor === null ? 0 : 1);
  return comparePositions(a.floor, b.floor) || a.floorRev - b.floorRev;
}
