import type { ChangePage, ChangesQuery, Entry } from "../../contracts/history.ts";
import { releaseUnderWay } from "../../contracts/errors.ts";
import type { DurablePending } from "./durable-pending.ts";
import { notLoaded } from "./not-loaded.ts";
import { decodePlace, encodePlace, placeAt, type Place } from "./place.ts";
import { inOrder, placedRecord, placedState, type Placed } from "./placed-changes.ts";
import { entryOf } from "./record.ts";
import { patienceOf } from "./shard-reads.ts";
import type { UserState } from "./user-state.ts";
import type { UserView } from "./user-view.ts";
import type { UserViews } from "./user-views.ts";
import type { WatchRules } from "./watch-rules.ts";

interface ShardChangesDeps {
  readonly durable: DurablePending;
  readonly views: UserViews;
  readonly rules: WatchRules;
  readonly limits: { readonly readMs: number };
  readonly log: {
    readonly unreadRows: number;
    isErased(userId: string): boolean;
  };
  /** Says what of a user goes, if that can be written now. */
  readonly settle: (userId: string, view: UserView) => void;
  /** Whether what goes of a user is written down: else it can't be told. */
  readonly mayWriteStates: () => boolean;
}

/**
 * A user's history in the order in which it changed, which is that of revisions: what a device
 * needs that was away, and what is taken along as a whole. Both are of one moment, and need all
 * there is: where D1 can't be asked they are refused, since a list that may not be all of it would
 * have a device delete the rest.
 */
export class ShardChanges {
  readonly #deps: ShardChangesDeps;

  constructor(deps: ShardChangesDeps) {
    this.#deps = deps;
  }

  /** What has changed after a place; without one, everything. Throws `UNAVAILABLE`. */
  async changes(userId: string, query: ChangesQuery, remainingMs?: number): Promise<ChangePage> {
    if (!this.#deps.mayWriteStates())
      throw releaseUnderWay("Not all shards know yet what this release writes");
    const view = await this.#whole(userId, remainingMs);
    const { durable, settle } = this.#deps;
    // A list shows no more than is kept; where it can't be said what goes, devices would have more.
    if (view !== null && view.newestBeyond() !== null) settle(userId, view);
    if (view !== null && view.newestBeyond() !== null) throw notLoaded();
    const state = durable.stateOf(userId);
    const nowRev = durable.writtenRev;
    const asked = query.since === undefined ? null : decodePlace(query.since);
    const isNoPlace = asked !== null && !isPlaceIn(asked, nowRev, view, state);
    const from = asked === null || isNoPlace ? { rev: 0, beganRev: nowRev } : asked;
    const placed = this.#after(from.rev, view, state);
    const page = placed.slice(0, query.limit);
    const last = page.at(-1);
    const more = placed.length > page.length && last !== undefined;
    return {
      changes: page.flatMap(({ changes }) => changes),
      cursor: more
        ? encodePlace({ rev: last.rev, beganRev: Math.max(from.beganRev, last.rev) })
        : encodePlace(placeAt(nowRev)),
      more,
      ...(isNoPlace && { resync: true }),
    };
  }

  /** All entries as of one moment, newest first. Throws `UNAVAILABLE`. */
  async exportAll(userId: string, remainingMs?: number): Promise<readonly Entry[]> {
    const view = await this.#whole(userId, remainingMs);
    return view?.newestFirst().map((record) => entryOf(record, this.#deps.rules)) ?? [];
  }

  /** Everything of a user; null where they were erased. */
  async #whole(userId: string, remainingMs: number | undefined): Promise<UserView | null> {
    const { log, views, limits } = this.#deps;
    if (log.isErased(userId)) return null;
    const { view, degraded, failure } = await views.of(userId, "all", patienceOf(limits.readMs, remainingMs));
    if (degraded || view.reach !== "all" || log.unreadRows > 0) throw notLoaded(failure);
    // They may have been erased while D1 was asked.
    if (log.isErased(userId)) return null;
    // One that was dropped meanwhile has not heard of what came in since: no place is told by it.
    if (views.peek(userId) !== view) throw notLoaded();
    return view;
  }

  #after(rev: number, view: UserView | null, state: UserState | null): readonly Placed[] {
    if (view === null) return [];
    const { rules } = this.#deps;
    return inOrder([
      ...Array.from(view.all()).flatMap((record) => (record.rev > rev ? placedRecord(record, rules) : [])),
      ...(state === null ? [] : placedState(rev, state, view, rules)),
    ]);
  }
}

/**
 * Whether a client may go on from a place: nothing that it needs is forgotten, and it has been
 * given. D1 may hold what another object of this shard has written, which lost its storage.
 */
function isPlaceIn(
  { rev, beganRev }: Place,
  nowRev: number,
  view: UserView | null,
  state: UserState | null,
): boolean {
  if (beganRev < (state?.forgottenRev ?? 0)) return false;
  return rev <= nowRev || Array.from(view?.all() ?? []).some((record) => rev <= record.rev);
}
