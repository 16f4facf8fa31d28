import { CodedError } from "../../contracts/errors.ts";
import type { ItemKey } from "../../contracts/history.ts";
import { Bulkhead, BulkheadFullError } from "../../resilience/overload/bulkhead.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { Schedule } from "./group-commit.ts";
import type { FlushQueue, HistoryReader } from "./ports.ts";
import { itemName, type HistoryRecord } from "./record.ts";
import { RefillRequests } from "./refill-requests.ts";
import type { UserView } from "./user-view.ts";
import { ViewCache } from "./view-cache.ts";

interface UserViewsDeps {
  readonly shard: number;
  readonly limits: {
    readonly viewBytesMax: number;
    readonly entriesPerUserMax: number;
    readonly headEntries: number;
  };
  readonly reader: HistoryReader;
  readonly queue: FlushQueue;
  readonly now: Clock;
  readonly schedule: Schedule;
  readonly databaseOf: (userId: string) => number;
  readonly pendingOf: (userId: string) => readonly HistoryRecord[];
  /** Whether a record is neither cleared nor beyond what is kept of its user. */
  readonly admits: (record: HistoryRecord) => boolean;
  /** A view has everything there is of its user: what of it is kept can be told. */
  readonly onWhole: (userId: string, view: UserView) => void;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

export interface ViewAnswer {
  readonly view: UserView;
  /** D1 could not be asked, or not in time: the view holds only what the shard has. */
  readonly degraded: boolean;
  /** Why D1 gave nothing, where it said so. */
  readonly failure?: unknown;
}

/** A view that stays in memory until it is released, and is shown what comes in meanwhile. */
export interface HeldView {
  /** The newest state of an item that is known. */
  readonly get: (name: string) => HistoryRecord | undefined;
  /** Whether that, or the lack of one, is all there is to be known. */
  readonly isSureOf: (name: string) => boolean;
  /** Why D1 said nothing, where it said so. */
  readonly failure?: unknown;
  readonly release: () => void;
}

/** Whether D1 has answered, and why not, where it said so. */
interface Answered {
  readonly isThere: boolean;
  readonly failure?: unknown;
}

const ANSWERED: Answered = { isThere: true };

interface Load {
  readonly extent: ViewExtent;
  readonly view: UserView;
  readonly answer: Promise<ViewAnswer>;
}

/** How much of a user is wanted: what most reads need, or everything. */
export type ViewExtent = "head" | "all";

const EMPTY_TTL_MS = 30_000;
/**
 * Rows that are loaded of one user at most, as many times what is kept: there are tombstones beside
 * the entries, and more of both until the user's shard has said what goes.
 */
const WHOLE_TIMES_KEPT = 5;
/**
 * Loads of one database under way at once in this shard, and how many may wait. They are this
 * shard's own: neither another shard of the isolate nor another database can take them.
 */
const LOADS_MAX = 16;
const LOADS_WAITING_MAX = 64;
const FULL_RETRY_MS = 1_000;

/**
 * Users' entries, loaded from D1 once and kept while memory allows. Concurrent reads of one user
 * share one query: inside one object a promise may be shared, other than between the requests of a
 * stateless worker, each of which may end and take its work with it.
 */
export class UserViews {
  readonly #deps: UserViewsDeps;
  readonly #cache: ViewCache;
  readonly #loads = new Map<string, Load>();
  readonly #places = new Map<number, Bulkhead>();
  readonly #refills: RefillRequests;

  constructor(deps: UserViewsDeps) {
    this.#deps = deps;
    this.#refills = new RefillRequests(deps);
    const { viewBytesMax, entriesPerUserMax } = deps.limits;
    this.#cache = new ViewCache({
      bytesMax: viewBytesMax,
      entriesMax: entriesPerUserMax,
      emptyTtlMs: EMPTY_TTL_MS,
      admits: deps.admits,
    });
  }

  get count(): number {
    return this.#cache.count;
  }

  /**
   * The user's view as far as it is wanted, unless it says `degraded`. Throws `OVERLOADED` where
   * too many users are being loaded.
   *
   * @param patienceMs - how long the caller waits for D1, a place before it included; without end
   *   if absent
   */
  of(userId: string, extent: ViewExtent, patienceMs?: number): Promise<ViewAnswer> {
    const cached = this.#cache.get(userId, this.#deps.now());
    if (cached !== undefined && isEnough(cached, extent))
      return Promise.resolve({ view: cached, degraded: false });
    const known = this.#loads.get(userId);
    const load =
      known !== undefined && (extent === "head" || known.extent === "all")
        ? known
        : this.#begin(userId, extent);
    return patienceMs === undefined ? load.answer : this.#withTimeout(load, patienceMs);
  }

  merge(record: HistoryRecord): void {
    this.#cache.merge(record);
  }

  /** What is in memory of a user, as it is. */
  peek(userId: string): UserView | undefined {
    return this.#cache.peek(userId);
  }

  /** What was cleared, or is beyond what is kept of a user, is shown no more. */
  retain(userId: string): void {
    this.#cache.retain(userId);
  }

  /**
   * Finds out what there is of some items, from D1 where it isn't known. Where D1 can't be asked
   * within `patienceMs` it holds what is known.
   */
  async hold(userId: string, items: readonly ItemKey[], patienceMs: number): Promise<HeldView> {
    const view =
      this.#cache.get(userId, this.#deps.now()) ?? this.#cache.open(userId, this.#deps.pendingOf(userId));
    const found = new Set<string>();
    // One that was dropped meanwhile has not heard of what came in since.
    const isSureOf = (name: string): boolean =>
      this.peek(userId) === view && (found.has(name) || isSure(view, name));
    const asked = items.filter((item) => !isSureOf(itemName(item)));
    view.loads += 1;
    const answer = asked.length === 0 ? ANSWERED : await this.#find(userId, view, asked, patienceMs);
    if (answer.isThere) for (const item of asked) found.add(itemName(item));
    const release = (): void => this.#release(userId, view);
    return { get: (name) => view.get(name), isSureOf, failure: answer.failure, release };
  }

  /**
   * What is known of a user is not true any more. Reads from now on don't get the answer of a query
   * that was sent before.
   */
  drop(userId: string): void {
    this.#cache.drop(userId);
    this.#loads.delete(userId);
  }

  /**
   * The view is there from now on, whether its load has a place or waits for one: what comes in
   * meanwhile is merged into it.
   */
  #begin(userId: string, extent: ViewExtent): Load {
    // What is known of the head stays valid while the rest is loaded.
    const view =
      this.#cache.get(userId, this.#deps.now()) ?? this.#cache.open(userId, this.#deps.pendingOf(userId));
    const load = { extent, view, answer: this.#fill(userId, view, extent) };
    this.#loads.set(userId, load);
    const ended = (): void => {
      if (this.#loads.get(userId) === load) this.#loads.delete(userId);
    };
    load.answer.then(ended, ended);
    return load;
  }

  /**
   * What is known when the caller's time is up, if D1 has not answered by then. The load goes on,
   * for whoever reads later.
   */
  #withTimeout({ view, answer }: Load, patienceMs: number): Promise<ViewAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ViewAnswer>();
    const callOff = this.#deps.schedule(patienceMs, () => resolve({ view, degraded: true }));
    void answer.then(resolve, reject).finally(callOff);
    return promise;
  }

  /** Says whether D1 has answered in time. */
  #find(userId: string, view: UserView, items: readonly ItemKey[], patienceMs: number): Promise<Answered> {
    const { promise, resolve } = Promise.withResolvers<Answered>();
    const callOff = this.#deps.schedule(patienceMs, () => resolve({ isThere: false }));
    void this.#askFor(userId, view, items).then(resolve).finally(callOff);
    return promise;
  }

  async #askFor(userId: string, view: UserView, items: readonly ItemKey[]): Promise<Answered> {
    const { databaseOf, reader, onBackgroundFailure } = this.#deps;
    const places = this.#placesOf(databaseOf(userId));
    view.loads += 1;
    try {
      await enter(places);
      try {
        const stored = await reader.find(userId, items);
        this.#cache.absorb(view, stored);
        view.areStored(stored);
        return ANSWERED;
      } finally {
        places.leave();
      }
    } catch (error) {
      onBackgroundFailure("find items of a user", error);
      return { isThere: false, failure: error };
    } finally {
      this.#release(userId, view);
    }
  }

  #release(userId: string, view: UserView): void {
    view.loads -= 1;
    if (view.reach === null && view.loads === 0) this.#cache.forget(userId, view);
  }

  async #fill(userId: string, view: UserView, extent: ViewExtent): Promise<ViewAnswer> {
    const database = this.#deps.databaseOf(userId);
    const places = this.#placesOf(database);
    view.loads += 1;
    try {
      await enter(places);
      try {
        return await this.#ask(userId, view, extent, database);
      } finally {
        places.leave();
      }
    } finally {
      this.#release(userId, view);
    }
  }

  async #ask(userId: string, view: UserView, extent: ViewExtent, database: number): Promise<ViewAnswer> {
    const { reader, now, limits, onBackgroundFailure } = this.#deps;
    const { headEntries, entriesPerUserMax } = limits;
    const limit =
      extent === "head" ? Math.min(headEntries, entriesPerUserMax) : entriesPerUserMax * WHOLE_TIMES_KEPT;
    try {
      const stored = await reader.newestOf(userId, limit);
      this.#cache.absorb(view, stored);
      view.areStored(stored);
      const last = stored.length < limit || extent === "all" ? undefined : stored.at(-1);
      this.#cache.loaded(
        userId,
        view,
        last === undefined ? "all" : { atMs: last.atMs, rev: last.rev },
        now(),
      );
      this.#refills.succeeded(database);
      if (view.reach === "all") this.#deps.onWhole(userId, view);
      return { view, degraded: false };
    } catch (error) {
      onBackgroundFailure("load a user's history", error);
      // Beside the answer: whoever reads has waited for D1 already.
      this.#refills.ask(database, userId);
      return { view, degraded: true, failure: error };
    }
  }

  #placesOf(database: number): Bulkhead {
    let places = this.#places.get(database);
    if (places === undefined) {
      places = new Bulkhead({ maxConcurrent: LOADS_MAX, queueMax: LOADS_WAITING_MAX });
      this.#places.set(database, places);
    }
    return places;
  }
}

function isEnough(view: UserView, extent: ViewExtent): boolean {
  return extent === "head" ? view.reach !== null : view.reach === "all";
}

/** Whether an item's state, or the lack of one, is known. */
function isSure(view: UserView, name: string): boolean {
  if (view.reach === "all") return true;
  const record = view.get(name);
  return record !== undefined && view.isSureOf(record);
}

/** Waits for a place, each of which is held no longer than a query may take. */
async function enter(places: Bulkhead): Promise<void> {
  try {
    await places.enter();
  } catch (cause) {
    if (!(cause instanceof BulkheadFullError)) throw cause;
    throw new CodedError("OVERLOADED", "This shard loads as many users as it can", {
      cause,
      retryAfterMs: FULL_RETRY_MS,
    });
  }
}
