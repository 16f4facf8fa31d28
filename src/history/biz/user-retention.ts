import type { DurablePending } from "./durable-pending.ts";
import type { ShardLog } from "./ports.ts";
import { comparePositions, itemName } from "./record.ts";
import { newUserState } from "./user-state.ts";
import type { UserView } from "./user-view.ts";
import type { UserViews } from "./user-views.ts";

interface UserRetentionDeps {
  readonly durable: DurablePending;
  readonly log: Pick<ShardLog, "unreadRows">;
  readonly views: () => Pick<UserViews, "retain" | "peek">;
  readonly limits: { readonly entriesPerUserMax: number; readonly tombstonesKeptMs: number };
  /** Whether states of users may be written down. */
  readonly mayWriteStates: () => boolean;
  /** After each commit: what is due may have changed. */
  readonly afterCommit: () => void;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

/**
 * No tombstone is forgotten sooner, however many there are, in ms: a consumer of the queue may be
 * about to write what it has collected before the deletion, and may take a quarter of an hour.
 */
const KEPT_MS_MIN = 1_200_000;

/**
 * What is kept of a user: their newest entries, and the tombstones of a month, no more of them
 * than of entries. What goes is said in the user's state before it goes anywhere, so that it never
 * comes back, whatever else is deleted meanwhile, and devices that ask for changes learn it. The
 * databases delete by that state and by nothing else.
 */
export class UserRetention {
  readonly #deps: UserRetentionDeps;

  constructor(deps: UserRetentionDeps) {
    this.#deps = deps;
  }

  /**
   * Says what of a user goes, by what is in memory of them. Where it can't be written now it is
   * said another time: whoever has reported or reads has nothing to do with it.
   *
   * @returns whether there was anything new to say
   */
  settle(userId: string, view: UserView, nowMs: number): boolean {
    try {
      return this.#settle(userId, view, nowMs);
    } catch (error) {
      this.#deps.onBackgroundFailure("say what of a user goes", error);
      return true;
    }
  }

  #settle(userId: string, view: UserView, nowMs: number): boolean {
    const { durable, mayWriteStates, views, afterCommit } = this.#deps;
    if (!mayWriteStates() || (durable.states.isFull && !durable.states.has(userId))) return false;
    // One that was dropped while D1 was asked has not heard of what came in since.
    if (views().peek(userId) !== view) return false;
    const beyond = view.newestBeyond();
    const forgottenRev = view.reach === "all" ? this.#forgottenRev(userId, view, nowMs) : 0;
    const state = durable.stateOf(userId) ?? newUserState(userId);
    // What is pending may have said it already.
    const isNew = beyond !== null && (state.floor === null || comparePositions(beyond, state.floor) > 0);
    const floor = isNew ? { atMs: beyond.atMs, rev: beyond.rev } : null;
    if (floor === null && forgottenRev <= state.forgottenRev) {
      if (beyond !== null) views().retain(userId);
      return false;
    }
    const floorRev = floor === null ? 0 : durable.clock.tick(nowMs);
    const settled = { ...newUserState(userId), floor, floorRev, forgottenRev };
    durable.write({ records: [], users: [settled] }, nowMs);
    views().retain(userId);
    afterCommit();
    return true;
  }

  /**
   * Up to which revision tombstones go. D1 has everything up to there: from then on, what comes to
   * it with such a revision is what a stalled job has held, and may have been deleted since. What
   * is pending, and deleted by what D1 alone knew of, has its tombstone until D1 has seen it.
   */
  #forgottenRev(userId: string, view: UserView, nowMs: number): number {
    const { durable, log } = this.#deps;
    if (log.unreadRows > 0) return 0;
    const firstPendingRev = durable.pending.ofUser(userId).reduce((first, record) => {
      const known = view.get(itemName(record));
      return Math.min(first, record.rev, known?.deleted === true ? known.rev : Number.POSITIVE_INFINITY);
    }, Number.POSITIVE_INFINITY);
    const tombstones = [...view.all()].filter(({ deleted }) => deleted).sort((a, b) => b.rev - a.rev);
    const { entriesPerUserMax: keptMax, tombstonesKeptMs } = this.#deps.limits;
    const gone = tombstones.find(
      ({ atMs, rev }, place) =>
        rev < firstPendingRev &&
        atMs < nowMs - (place < keptMax ? tombstonesKeptMs : Math.min(tombstonesKeptMs, KEPT_MS_MIN)),
    );
    return gone?.rev ?? 0;
  }
}
