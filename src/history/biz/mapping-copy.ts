import { requireSameBuckets } from "./mapping-keeper.ts";
import type { MappingCopyStore } from "./ports.ts";
import { isSameMapping, type Elsewhere, type ShardMapping, type StoredMapping } from "./shard-mapping.ts";

interface MappingCopyDeps {
  readonly store: MappingCopyStore;
  /** Fingerprint of the map of buckets that this worker goes by. */
  readonly buckets: number;
  /** Asks the mapping object. Throws `UNAVAILABLE`. */
  readonly askMapping: () => Promise<StoredMapping>;
}

/** A shard's copy of the mapping: asked for once, then kept with the shard's data for good. */
export class MappingCopy {
  readonly #deps: MappingCopyDeps;
  #mapping: StoredMapping | null;
  #learning: Promise<void> | null = null;

  constructor(deps: MappingCopyDeps) {
    this.#deps = deps;
    this.#mapping = deps.store.readMapping();
  }

  get isKnown(): boolean {
    return this.#mapping !== null;
  }

  /** Learns the mapping, unless it is known. Throws `UNAVAILABLE` while it can't be. */
  learn(): Promise<void> {
    if (this.#mapping !== null) return Promise.resolve();
    // One question for all who wait: after a deploy every shard has a crowd before its door, and
    // places with the mapping object are few.
    this.#learning ??= this.#ask().finally(() => {
      this.#learning = null;
    });
    return this.#learning;
  }

  async #ask(): Promise<void> {
    const mapping = await this.#deps.askMapping();
    this.#deps.store.writeMapping(mapping);
    this.#mapping = mapping;
  }

  /**
   * Null where the caller goes by this mapping, else what to go by. Whatever version they name:
   * what counts is that one who went by another mapping may be at the wrong shard. Callers of the
   * release before name none.
   *
   * Throws `UNAVAILABLE` where this worker would look for users in the wrong database.
   */
  against(callers: ShardMapping | undefined): Elsewhere | null {
    const mapping = this.#mapping;
    if (mapping === null) throw new Error("the mapping was asked for before it was learned");
    requireSameBuckets(mapping, this.#deps.buckets);
    if (callers === undefined || isSameMapping(mapping, callers)) return null;
    return { elsewhere: { version: mapping.version, shards: mapping.shards } };
  }
}
