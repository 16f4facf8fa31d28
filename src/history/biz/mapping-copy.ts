import { withMap, type MapBefore } from "./buckets-of-before.ts";
import { Placement, UNKNOWN_DATABASE } from "./placement.ts";
import type { MappingCopyStore } from "./ports.ts";
import {
  isSameMapping,
  type Elsewhere,
  type KeptMapping,
  type ShardMapping,
  type StoredMapping,
} from "./shard-mapping.ts";

interface MappingCopyDeps {
  readonly store: MappingCopyStore;
  /** What `HISTORY_BUCKETS` said in the release before, where it is still set. */
  readonly before: MapBefore | null;
  /** Asks the mapping object. Throws `UNAVAILABLE`. */
  readonly askMapping: () => Promise<KeptMapping>;
  /** Hears that it is known now which database holds whom. */
  readonly onLearned: () => void;
}

interface Known {
  readonly mapping: StoredMapping;
  readonly placement: Placement;
}

/** A shard's copy of the mapping: asked for once, then kept with the shard's data for good. */
export class MappingCopy {
  readonly #deps: MappingCopyDeps;
  #known: Known | null;
  #learning: Promise<void> | null = null;

  constructor(deps: MappingCopyDeps) {
    this.#deps = deps;
    this.#known = this.#readCopy();
  }

  get isKnown(): boolean {
    return this.#known !== null;
  }

  /** Number of the database that holds a user; {@link UNKNOWN_DATABASE} while that isn't known. */
  readonly databaseOf = (userId: string): number =>
    this.#known?.placement.databaseOf(userId) ?? UNKNOWN_DATABASE;

  /** How many databases hold users. */
  readonly databases = (): number => this.#known?.placement.databases.length ?? 1;

  /** Learns the mapping, unless it is known. Throws `UNAVAILABLE` while it can't be. */
  learn(): Promise<void> {
    if (this.#known !== null) return Promise.resolve();
    // One question for all who wait: after a deploy every shard has a crowd before its door, and
    // places with the mapping object are few.
    this.#learning ??= this.#ask().finally(() => {
      this.#learning = null;
    });
    return this.#learning;
  }

  /** The mapping, for those who can't have it from where it is kept. */
  get mapping(): StoredMapping {
    if (this.#known === null) throw new Error("the mapping was asked for before it was learned");
    return this.#known.mapping;
  }

  /**
   * Null where the caller goes by this mapping, else what to go by. Whatever version they name:
   * what counts is that one who went by another mapping may be at the wrong shard. Callers of the
   * release before name none.
   */
  against(callers: ShardMapping | undefined): Elsewhere | null {
    const { version, shards } = this.mapping;
    if (callers === undefined || isSameMapping({ version, shards }, callers)) return null;
    return { elsewhere: { version, shards } };
  }

  /**
   * A copy of the release before has no map of buckets: it is completed at once, so that the shard
   * need not ask. Null where there is no copy, and where only the mapping object can complete it.
   */
  #readCopy(): Known | null {
    const kept = this.#deps.store.readMapping();
    if (kept === null) return null;
    try {
      return this.#keep(kept, kept.map === undefined);
    } catch {
      return null;
    }
  }

  async #ask(): Promise<void> {
    this.#known = this.#keep(await this.#deps.askMapping(), true);
    this.#deps.onLearned();
  }

  #keep(kept: KeptMapping, isNews: boolean): Known {
    const mapping = withMap(kept, this.#deps.before);
    if (isNews) this.#deps.store.writeMapping(mapping);
    return { mapping, placement: new Placement(mapping.map) };
  }
}
