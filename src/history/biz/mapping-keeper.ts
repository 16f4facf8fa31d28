import { CodedError } from "../../contracts/errors.ts";
import { spreadEvenly, type BucketMap } from "./bucket-map.ts";
import { bucketOf } from "./buckets.ts";
import {
  BUCKETS_BEFORE,
  fingerprintOf,
  MAP_BEFORE,
  unknownMap,
  widened,
  withMap,
  type MapBefore,
} from "./buckets-of-before.ts";
import { everyShard } from "./every-shard.ts";
import { databaseNumber } from "./placement.ts";
import type { MappingStore } from "./ports.ts";
import type { ShardMapping, StoredMapping } from "./shard-mapping.ts";

/** A mapping as it was found in D1. */
export interface MappingInD1 extends ShardMapping {
  /** Whether it was seeded just now: then nobody can have been there before. */
  readonly isSeeded: boolean;
}

interface MappingKeeperDeps {
  readonly store: MappingStore;
  /**
   * The mapping that releases before kept in D1, seeded there if there is none. Throws
   * `UNAVAILABLE`.
   */
  readonly readFromD1: () => Promise<MappingInD1>;
  /**
   * Whether a release that kept the mapping in D1 has made a shard. Throws where that can't be
   * found out.
   */
  readonly isOldShard: (shard: number) => Promise<boolean>;
  readonly seedShards: number;
  /** The databases that are bound, by name: the first map spreads users over all of them. */
  readonly databases: readonly string[];
  /** Some of the users whom one of them has. Throws `UNAVAILABLE`. */
  readonly usersIn: (database: string) => Promise<readonly string[]>;
  /** What `HISTORY_BUCKETS` said in the release before, where it is still set. */
  readonly before: MapBefore | null;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

const RETRY_MS = 5_000;
/**
 * So many shards a release that kept the mapping in D1 had, unless somebody had changed its var: a
 * new platform begins with fewer, and few users may be in any of them.
 */
const SHARDS_BEFORE = 16;

/**
 * Keeps the one mapping that all shards copy: how many shards there are, and which database holds
 * which bucket. Shards ask for it once in their life, so that nobody's request waits for it
 * afterwards. The first time it takes over what releases before kept; where D1 is away, a platform
 * without any older shard is new and needs nothing from there.
 */
export class MappingKeeper {
  readonly #deps: MappingKeeperDeps;
  /** Shards that were made since: that stays so, and need not be asked twice. */
  readonly #newShards = new Set<number>();
  #finding: Promise<StoredMapping> | null = null;

  constructor(deps: MappingKeeperDeps) {
    this.#deps = deps;
  }

  /**
   * The mapping. `callers` is the fingerprint of the map that callers of the release before go by.
   * Throws `UNAVAILABLE` while the mapping can't be known, or where those would look for users in
   * the wrong database.
   */
  async current(callers?: number): Promise<StoredMapping> {
    let mapping = this.#kept();
    if (mapping === null) {
      const found = await this.#found();
      mapping = this.#kept();
      if (mapping === null) {
        mapping = found;
        this.#deps.store.write(mapping);
      }
    }
    if (callers !== undefined && callers !== mapping.buckets)
      throw new CodedError(
        "UNAVAILABLE",
        "a worker of the release before goes by another map of buckets than users are stored by",
      );
    return mapping;
  }

  /** What is kept, completed where the release before kept it. */
  #kept(): StoredMapping | null {
    const { store, before } = this.#deps;
    const kept = store.read();
    if (kept === null) return null;
    const mapping = withMap(kept, before);
    if (kept.map === undefined) store.write(mapping);
    return mapping;
  }

  /** Many shards ask at once when the platform starts: one search for all of them. */
  #found(): Promise<StoredMapping> {
    this.#finding ??= this.#find().finally(() => {
      this.#finding = null;
    });
    return this.#finding;
  }

  async #find(): Promise<StoredMapping> {
    const { readFromD1, seedShards, onBackgroundFailure } = this.#deps;
    let inD1: MappingInD1;
    try {
      inD1 = await readFromD1();
    } catch (error) {
      onBackgroundFailure("read the mapping from D1", error);
      if (await this.#hasOldShards(Math.max(seedShards, SHARDS_BEFORE)))
        throw new CodedError("UNAVAILABLE", "The shard mapping is in a database that is away", {
          cause: error,
          retryAfterMs: RETRY_MS,
        });
      return this.#first({ version: 1, shards: seedShards }, false);
    }
    // A row that was there may be what an earlier attempt of ours has left, and nobody's data.
    return this.#first(inD1, !inD1.isSeeded && (await this.#hasOldShards(inD1.shards)));
  }

  /** The first map of buckets: of a platform from before its own, else all databases alike. */
  async #first({ version, shards }: ShardMapping, isFromBefore: boolean): Promise<StoredMapping> {
    const { before, databases } = this.#deps;
    if (before !== null || isFromBefore) {
      const mapBefore = before ?? MAP_BEFORE;
      const map = widened(mapBefore);
      this.#requireBound(map);
      if (isFromBefore) await this.#requireFit(mapBefore);
      return { version, shards, buckets: fingerprintOf(mapBefore), map };
    }
    const map = spreadEvenly(databases);
    return { version, shards, buckets: fingerprintOf(map.runs.flat()), map };
  }

  /** It would be kept for good: nobody could leave a database again that isn't there. */
  #requireBound({ databases }: BucketMap): void {
    const missing = databases.find((name) => !this.#deps.databases.includes(name));
    if (missing !== undefined)
      throw new CodedError("UNAVAILABLE", `${missing} is not bound: HISTORY_BUCKETS gives it users`);
  }

  /** That release kept no fingerprint: where its users are tells whether it went by this map. */
  async #requireFit(map: MapBefore): Promise<void> {
    for (const database of this.#deps.databases)
      for (const userId of await this.#deps.usersIn(database))
        if (map[bucketOf(userId) % BUCKETS_BEFORE] !== databaseNumber(database)) throw unknownMap();
  }

  async #hasOldShards(shards: number): Promise<boolean> {
    // One that is old, or can't be asked, decides: thousands of shards that hang, waited for one
    // after the other, would keep this object awake for minutes.
    let isDecided = false;
    let hasOld = false;
    try {
      await everyShard(shards, async (shard) => {
        if (isDecided || this.#newShards.has(shard)) return;
        try {
          if (await this.#deps.isOldShard(shard)) hasOld = isDecided = true;
          else this.#newShards.add(shard);
        } catch (error) {
          isDecided = true;
          throw error;
        }
      });
    } catch (error) {
      if (!hasOld) throw error;
    }
    return hasOld;
  }
}
