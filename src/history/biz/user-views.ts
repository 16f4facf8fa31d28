import { BoundedCache } from "../../resilience/bounded-cache.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { FlushQueue, HistoryReader } from "./ports.ts";
import type { HistoryRecord } from "./record.ts";
import type { UserView } from "./user-view.ts";
import { ViewCache } from "./view-cache.ts";

interface UserViewsDeps {
  readonly shard: number;
  readonly limits: { readonly viewBytesMax: number; readonly entriesPerUserMax: number };
  readonly reader: HistoryReader;
  readonly queue: FlushQueue;
  readonly now: Clock;
  readonly pendingOf: (userId: string) => readonly HistoryRecord[];
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

export interface ViewAnswer {
  readonly view: UserView;
  /** D1 could not be asked: the view holds only what the shard has. */
  readonly degraded: boolean;
}

const EMPTY_TTL_MS = 30_000;
/** Users for whom a refill has been asked for, and for how long it is believed to be on its way: a message may be given up. */
const REFILLS_MAX = 1_000;
const REFILL_TTL_MS = 300_000;

/**
 * Users' entries, loaded from D1 once and kept while memory allows. Concurrent reads of one user share one query: inside one object
 * a promise may be shared, other than between the requests of a stateless worker.
 */
export class UserViews {
  readonly #deps: UserViewsDeps;
  readonly #cache: ViewCache;
  readonly #loads = new Map<string, Promise<ViewAnswer>>();
  readonly #refills: BoundedCache<true>;

  constructor(deps: UserViewsDeps) {
    this.#deps = deps;
    const { viewBytesMax, entriesPerUserMax } = deps.limits;
    this.#refills = new BoundedCache({ entriesMax: REFILLS_MAX, now: deps.now });
    this.#cache = new ViewCache({ bytesMax: viewBytesMax, entriesMax: entriesPerUserMax, emptyTtlMs: EMPTY_TTL_MS });
  }

  get count(): number {
    return this.#cache.count;
  }

  /** The user's view, complete unless it says `degraded`. Never throws. */
  async of(userId: string): Promise<ViewAnswer> {
    const cached = this.#cache.get(userId, this.#deps.now());
    if (cached?.state === "complete") return { view: cached, degraded: false };
    const known = this.#loads.get(userId);
    if (known !== undefined) return known;
    const load = this.#load(userId);
    this.#loads.set(userId, load);
    return load;
  }

  merge(record: HistoryRecord): void {
    this.#cache.merge(record);
  }

  drop(userId: string): void {
    this.#cache.drop(userId);
  }

  async #load(userId: string): Promise<ViewAnswer> {
    const view = this.#cache.open(userId, this.#deps.pendingOf(userId));
    try {
      const stored = await this.#deps.reader.newestOf(userId, this.#deps.limits.entriesPerUserMax);
      this.#cache.absorb(view, stored);
      this.#cache.complete(userId, view, this.#deps.now());
      this.#refills.delete(userId);
      return { view, degraded: false };
    } catch (error) {
      this.#deps.onBackgroundFailure("load a user's history", error);
      this.#cache.drop(userId);
      // Beside the answer: whoever reads has waited for D1 already.
      void this.#askForRefill(userId);
      return { view, degraded: true };
    } finally {
      this.#loads.delete(userId);
    }
  }

  async #askForRefill(userId: string): Promise<void> {
    if (this.#refills.get(userId) === true) return;
    this.#refills.set(userId, true, this.#deps.now() + REFILL_TTL_MS);
    try {
      await this.#deps.queue.send([{ type: "refill", shard: this.#deps.shard, userId }]);
    } catch (error) {
      this.#refills.delete(userId);
      this.#deps.onBackgroundFailure("ask for a refill", error);
    }
  }
}
