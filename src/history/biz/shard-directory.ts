import type { Clock } from "../../resilience/clock.ts";
import { jumpHash, jumpKey } from "../../resilience/jump-hash.ts";

/** How many shards users are spread over. */
export interface ShardMapping {
  readonly version: number;
  readonly shards: number;
}

/** Where the mapping is kept. */
export interface MappingStore {
  /** The newest mapping; writes version 1 with `seedShards` if there is none yet. Throws `UNAVAILABLE`. */
  newest(seedShards: number): Promise<ShardMapping>;
}

interface ShardDirectoryDeps {
  readonly store: MappingStore;
  /** Shards of the very first mapping; ignored once one is stored. */
  readonly seedShards: number;
  readonly now: Clock;
}

const BELIEVED_MS = 60_000;

/** Which shard a user belongs to, by the stored mapping. The isolate remembers the mapping for a minute; a user's shard is one hash. */
export class ShardDirectory {
  readonly #deps: ShardDirectoryDeps;
  #mapping: ShardMapping | null = null;
  #readAtMs = 0;

  constructor(deps: ShardDirectoryDeps) {
    this.#deps = deps;
  }

  /** The mapping in force. If the store fails, the one known before is believed on: mappings change once in months. */
  async mapping(): Promise<ShardMapping> {
    const nowMs = this.#deps.now();
    if (this.#mapping !== null && nowMs - this.#readAtMs < BELIEVED_MS) return this.#mapping;
    // Said before the answer is there: one request asks, the others go on with what is known, also while the store hangs.
    this.#readAtMs = this.#mapping === null ? 0 : nowMs;
    try {
      this.#mapping = await this.#deps.store.newest(this.#deps.seedShards);
    } catch (error) {
      if (this.#mapping === null) throw error;
    }
    this.#readAtMs = nowMs;
    return this.#mapping;
  }

  async shardOf(userId: string): Promise<number> {
    const { shards } = await this.mapping();
    return jumpHash(jumpKey(userId), shards);
  }
}
