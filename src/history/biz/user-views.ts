import { CodedError } from "../../contracts/errors.ts";
import { Bulkhead, BulkheadFullError } from "../../resilience/bulkhead.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { FlushQueue, HistoryReader } from "./ports.ts";
import type { HistoryRecord } from "./record.ts";
import { RefillRequests } from "./refill-requests.ts";
import { UserView } from "./user-view.ts";
import { ViewCache } from "./view-cache.ts";

interface UserViewsDeps {
  readonly shard: number;
  readonly limits: { readonly viewBytesMax: number; readonly entriesPerUserMax: number };
  readonly reader: HistoryReader;
  readonly queue: FlushQueue;
  readonly now: Clock;
  readonly databaseOf: (userId: string) => number;
  readonly pendingOf: (userId: string) => readonly HistoryRecord[];
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

export interface ViewAnswer {
  readonly view: UserView;
  /** D1 could not be asked: the view holds only what the shard has. */
  readonly degraded: boolean;
}

/** Ends when whoever reads must be answered; null says so. */
export type TimeUp = () => Promise<null>;

/** How much of a user is wanted: what most reads need, or everything. */
export type ViewExtent = "head" | "all";

const EMPTY_TTL_MS = 30_000;
/** Entries that are loaded of a user who is not in memory; the rest when somebody asks for it. */
const HEAD_ENTRIES = 100;
/**
 * Loads of one database under way at once in this shard, and how many may wait. They are this shard's own: neither another shard of the
 * isolate nor another database can take them.
 */
const LOADS_MAX = 16;
const LOADS_WAITING_MAX = 64;
const FULL_RETRY_MS = 1_000;

/**
 * Users' entries, loaded from D1 once and kept while memory allows. Concurrent reads of one user share one query: inside one object
 * a promise may be shared, other than between the requests of a stateless worker.
 */
export class UserViews {
  readonly #deps: UserViewsDeps;
  readonly #cache: ViewCache;
  readonly #loads = new Map<string, { readonly extent: ViewExtent; readonly answer: Promise<ViewAnswer> }>();
  readonly #places = new Map<number, Bulkhead>();
  readonly #refills: RefillRequests;

  constructor(deps: UserViewsDeps) {
    this.#deps = deps;
    this.#refills = new RefillRequests(deps);
    const { viewBytesMax, entriesPerUserMax } = deps.limits;
    this.#cache = new ViewCache({ bytesMax: viewBytesMax, entriesMax: entriesPerUserMax, emptyTtlMs: EMPTY_TTL_MS });
  }

  get count(): number {
    return this.#cache.count;
  }

  /**
   * The user's view as far as it is wanted, unless it says `degraded`. A load that is not through when time is up goes on, for those who come next.
   * Throws `OVERLOADED` where too many users are being loaded.
   */
  async of(userId: string, extent: ViewExtent, timeUp?: TimeUp): Promise<ViewAnswer> {
    const cached = this.#cache.get(userId, this.#deps.now());
    if (cached !== undefined && isEnough(cached, extent)) return { view: cached, degraded: false };
    const known = this.#loads.get(userId);
    const answer = known !== undefined && (extent === "head" || known.extent === "all") ? known.answer : this.#begin(userId, extent);
    if (timeUp === undefined) return answer;
    return (await Promise.race([answer, timeUp()])) ?? { view: this.#asKnown(userId), degraded: true };
  }

  merge(record: HistoryRecord): void {
    this.#cache.merge(record);
  }

  /** What is known of a user is not true any more. Who asks from now on is not given a query's answer that was sent before. */
  drop(userId: string): void {
    this.#cache.drop(userId);
    this.#loads.delete(userId);
  }

  #begin(userId: string, extent: ViewExtent): Promise<ViewAnswer> {
    const load = { extent, answer: this.#load(userId, extent) };
    this.#loads.set(userId, load);
    const end = (): void => {
      if (this.#loads.get(userId) === load) this.#loads.delete(userId);
    };
    load.answer.then(end, end);
    return load.answer;
  }

  /** What this shard has of a user, without D1. */
  #asKnown(userId: string): UserView {
    const { now, pendingOf, limits } = this.#deps;
    const cached = this.#cache.get(userId, now());
    if (cached !== undefined) return cached;
    const view = new UserView(limits.entriesPerUserMax);
    for (const record of pendingOf(userId)) view.merge(record);
    return view;
  }

  async #load(userId: string, extent: ViewExtent): Promise<ViewAnswer> {
    const { reader, now, databaseOf, pendingOf, limits, onBackgroundFailure } = this.#deps;
    const database = databaseOf(userId);
    const places = this.#placesOf(database);
    await enter(places);
    // What is known of the head stays valid while the rest is loaded.
    const view = this.#cache.get(userId, now()) ?? this.#cache.open(userId, pendingOf(userId));
    view.loads += 1;
    const limit = extent === "head" ? Math.min(HEAD_ENTRIES, limits.entriesPerUserMax) : limits.entriesPerUserMax;
    try {
      const stored = await reader.newestOf(userId, limit);
      this.#cache.absorb(view, stored);
      const last = stored.length < limit || extent === "all" ? undefined : stored.at(-1);
      this.#cache.loaded(userId, view, last === undefined ? "all" : { atMs: last.atMs, rev: last.rev }, now());
      this.#refills.succeeded(database);
      return { view, degraded: false };
    } catch (error) {
      onBackgroundFailure("load a user's history", error);
      if (view.reach === null && view.loads === 1) this.#cache.drop(userId);
      // Beside the answer: whoever reads has waited for D1 already.
      this.#refills.ask(database, userId);
      return { view, degraded: true };
    } finally {
      view.loads -= 1;
      places.leave();
    }
  }

  #placesOf(database: number): Bulkhead {
    let places = this.#places.get(database);
    if (places === undefined) {
      places = new Bulkhead({ placesMax: LOADS_MAX, queueMax: LOADS_WAITING_MAX });
      this.#places.set(database, places);
    }
    return places;
  }
}

function isEnough(view: UserView, extent: ViewExtent): boolean {
  return extent === "head" ? view.reach !== null : view.reach === "all";
}

/** Waits for a place; whoever holds one does so for no longer than a query may take. */
async function enter(places: Bulkhead): Promise<void> {
  try {
    await places.enter();
  } catch (cause) {
    if (!(cause instanceof BulkheadFullError)) throw cause;
    throw new CodedError("OVERLOADED", "This shard loads as many users as it can", { cause, retryAfterMs: FULL_RETRY_MS });
  }
}
