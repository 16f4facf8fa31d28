import { CodedError } from "../../contracts/errors.ts";
import { everyShard } from "./every-shard.ts";
import type { MappingStore } from "./ports.ts";
import type { ShardMapping, StoredMapping } from "./shard-mapping.ts";

interface MappingKeeperDeps {
  readonly store: MappingStore;
  /**
   * The mapping that releases before this one kept in D1, seeded there if there is none. Throws
   * `UNAVAILABLE`.
   */
  readonly readFromD1: () => Promise<ShardMapping>;
  /** Whether a shard has been there before this release. Throws where that can't be found out. */
  readonly isOldShard: (shard: number) => Promise<boolean>;
  readonly seedShards: number;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

const RETRY_MS = 5_000;

/**
 * Keeps the one mapping that all shards copy. Shards ask for it once in their life, so that
 * nobody's request waits for it afterwards. The first time it takes over what D1 held; where D1 is
 * away, a platform without any older shard is new and needs nothing from there.
 */
export class MappingKeeper {
  readonly #deps: MappingKeeperDeps;
  /** Shards that this release has made: that stays so, and need not be asked twice. */
  readonly #newShards = new Set<number>();
  #finding: Promise<ShardMapping> | null = null;

  constructor(deps: MappingKeeperDeps) {
    this.#deps = deps;
  }

  /**
   * The mapping. Throws `UNAVAILABLE` while it can't be known, or where `buckets` is not the map
   * that users are stored by.
   */
  async current(buckets: number): Promise<StoredMapping> {
    let mapping = this.#deps.store.read();
    if (mapping === null) {
      const found = await this.#found();
      mapping = this.#deps.store.read();
      if (mapping === null) {
        mapping = { ...found, buckets };
        this.#deps.store.write(mapping);
      }
    }
    requireSameBuckets(mapping, buckets);
    return mapping;
  }

  /** Many shards ask at once when the platform starts: one search for all of them. */
  #found(): Promise<ShardMapping> {
    this.#finding ??= this.#find().finally(() => {
      this.#finding = null;
    });
    return this.#finding;
  }

  async #find(): Promise<ShardMapping> {
    const { readFromD1, seedShards, onBackgroundFailure } = this.#deps;
    try {
      return await readFromD1();
    } catch (error) {
      onBackgroundFailure("read the mapping from D1", error);
      if (await this.#hasOldShards())
        throw new CodedError("UNAVAILABLE", "The shard mapping is in a database that is away", {
          cause: error,
          retryAfterMs: RETRY_MS,
        });
      return { version: 1, shards: seedShards };
    }
  }

  async #hasOldShards(): Promise<boolean> {
    const { isOldShard, seedShards } = this.#deps;
    let hasOld = false;
    await everyShard(seedShards, async (shard) => {
      if (this.#newShards.has(shard)) return;
      if (await isOldShard(shard)) hasOld = true;
      else this.#newShards.add(shard);
    });
    return hasOld;
  }
}

/**
 * Users are stored by the map of buckets; with another one they would be looked for where they are
 * not.
 */
export function requireSameBuckets(stored: StoredMapping, buckets: number): void {
  if (stored.buckets === buckets) return;
  throw new CodedError(
    "UNAVAILABLE",
    "HISTORY_BUCKETS is not the map that users are stored by; nothing moves them: put it back",
  );
}
