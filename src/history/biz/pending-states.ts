import { LEASE_MS_MAX, leaseMsOf } from "./lease.ts";

interface PendingStatesDeps {
  /** How long a state may wait for its flush, in ms. */
  readonly windowMs: number;
}

interface PendingState {
  /** When the first change that D1 has not confirmed was made, in ms. */
  firstAtMs: number;
  /** When the first change after the job was asked was made, in ms; null where none was. */
  firstAfterLeaseMs: number | null;
  /** Until then the job is trusted to confirm it, in ms; 0 while nobody was asked. */
  leasedUntilMs: number;
  /** How often the job has been asked since it last confirmed anything of this state. */
  leases: number;
  /** Whether D1 may not know of the last clear. */
  lacksClear: boolean;
}

/** Users whose state may wait for D1 in one shard: most users have none. */
export const STATES_MAX = 5_000;
/** From so many on they are sent early. */
const FILLING_UP = STATES_MAX / 2;

/**
 * What D1 has not confirmed of what holds for users as a whole: of each such user since when it
 * waits. The states themselves are in the shard's own table.
 */
export class PendingStates {
  readonly #deps: PendingStatesDeps;
  readonly #states = new Map<string, PendingState>();
  #unleased = 0;
  /** Cached answer of {@link nextDueMs}; null when a state has left or changed its lease since. */
  #nextDueMs: number | null = null;

  constructor(deps: PendingStatesDeps) {
    this.#deps = deps;
  }

  get count(): number {
    return this.#states.size;
  }

  /** Whether there is no room for another user; who is in it already may change. */
  get isFull(): boolean {
    return this.#states.size >= STATES_MAX;
  }

  /** Whether those that had no room may come in. */
  get hasMuchRoom(): boolean {
    return this.#states.size < FILLING_UP;
  }

  /** Whether waiting for the window would fill it, and there is something to send. */
  get isHurried(): boolean {
    return this.#unleased > 0 && this.#states.size >= FILLING_UP;
  }

  has(userId: string): boolean {
    return this.#states.has(userId);
  }

  /** Whether D1 may not know of the user's last clear. */
  lacksClear(userId: string): boolean {
    return this.#states.get(userId)?.lacksClear === true;
  }

  /** A user's state has changed, and is durable. It waits since its first change. */
  put(userId: string, nowMs: number, hasClear: boolean): void {
    const known = this.#states.get(userId);
    if (known !== undefined) {
      known.lacksClear ||= hasClear;
      if (known.leasedUntilMs > 0) known.firstAfterLeaseMs ??= nowMs;
      return;
    }
    this.#states.set(userId, {
      firstAtMs: nowMs,
      firstAfterLeaseMs: null,
      leasedUntilMs: 0,
      leases: 0,
      lacksClear: hasClear,
    });
    this.#unleased += 1;
    if (this.#nextDueMs !== null) this.#nextDueMs = Math.min(this.#nextDueMs, nowMs + this.#deps.windowMs);
  }

  /** Forgets a user: they are being erased. */
  drop(userId: string): void {
    const state = this.#states.get(userId);
    if (state === undefined) return;
    this.#nextDueMs = null;
    if (state.leasedUntilMs === 0) this.#unleased -= 1;
    this.#states.delete(userId);
  }

  /** D1 holds all of a user's state, or all but what has changed since the job was asked. */
  confirm(userId: string, isAll: boolean, hasClear: boolean): void {
    if (isAll) return this.drop(userId);
    const state = this.#states.get(userId);
    if (state === undefined) return;
    if (hasClear) state.lacksClear = false;
    this.#nextDueMs = null;
    if (state.leasedUntilMs > 0) this.#unleased += 1;
    state.leasedUntilMs = 0;
    state.leases = 0;
    state.firstAtMs = state.firstAfterLeaseMs ?? state.firstAtMs;
    state.firstAfterLeaseMs = null;
  }

  /**
   * Leases the states whose turn has come: unleased ones that wait since `waitingSinceMs` or
   * longer, and those whose lease has run out. Each further lease of one is twice as long.
   *
   * @returns whose they are, to be sent to the job
   */
  lease(waitingSinceMs: number, nowMs: number): string[] {
    const userIds: string[] = [];
    this.#nextDueMs = null;
    for (const [userId, state] of this.#states) {
      const { leasedUntilMs, firstAtMs, leases } = state;
      if (leasedUntilMs === 0 ? firstAtMs > waitingSinceMs : leasedUntilMs > nowMs) continue;
      if (leasedUntilMs === 0) this.#unleased -= 1;
      state.leasedUntilMs = nowMs + leaseMsOf(leases);
      state.leases += 1;
      userIds.push(userId);
    }
    return userIds;
  }

  /** Gives up leases: they could not be sent. */
  unlease(userIds: readonly string[]): void {
    this.#nextDueMs = null;
    for (const userId of userIds) {
      const state = this.#states.get(userId);
      if (state === undefined || state.leasedUntilMs === 0) continue;
      state.leasedUntilMs = 0;
      state.leases -= 1;
      this.#unleased += 1;
    }
  }

  /** Somebody wants everything sent: leases beyond the first, which have grown long, end. */
  endLongLeases(nowMs: number): void {
    this.#nextDueMs = null;
    for (const state of this.#states.values())
      if (state.leases > 1) state.leasedUntilMs = Math.min(state.leasedUntilMs, nowMs);
  }

  /**
   * The wall clock turns out to be behind what it said before: nothing waits since the future, and
   * no lease lasts beyond the longest.
   */
  clampTo(nowMs: number): void {
    this.#nextDueMs = null;
    for (const state of this.#states.values()) {
      state.firstAtMs = Math.min(state.firstAtMs, nowMs);
      state.leasedUntilMs = Math.min(state.leasedUntilMs, nowMs + LEASE_MS_MAX);
      if (state.firstAfterLeaseMs !== null)
        state.firstAfterLeaseMs = Math.min(state.firstAfterLeaseMs, nowMs);
    }
  }

  /** Since when the longest-waiting state waits, in ms; null if none is pending. */
  oldestMs(): number | null {
    return leastOf(this.#states.values(), ({ firstAtMs }) => firstAtMs);
  }

  /** When the next state is due, in ms; null if none is pending. */
  nextDueMs(): number | null {
    this.#nextDueMs ??= leastOf(this.#states.values(), ({ leasedUntilMs, firstAtMs }) =>
      leasedUntilMs === 0 ? firstAtMs + this.#deps.windowMs : leasedUntilMs,
    );
    return this.#nextDueMs;
  }
}

function leastOf<T>(items: Iterable<T>, timeOf: (item: T) => number): number | null {
  let least: number | null = null;
  for (const item of items) {
    const timeMs = timeOf(item);
    if (least === null || timeMs < least) least = timeMs;
  }
  return least;
}
