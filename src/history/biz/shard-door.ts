import type { MappingCopy } from "./mapping-copy.ts";
import type { Shard } from "./shard.ts";
import type { Elsewhere, ShardMapping, StoredMapping } from "./shard-mapping.ts";

/** The way into a shard: nobody gets past it before the shard knows where users belong. */
export class ShardDoor {
  readonly #shard: Shard;
  readonly #mapping: MappingCopy;

  constructor(shard: Shard, mapping: MappingCopy) {
    this.#shard = shard;
    this.#mapping = mapping;
  }

  /**
   * Does what a caller has come for on behalf of a user, if they have come to the right place.
   * `callers` is the mapping they went by; callers of the release before name none. Throws
   * `UNAVAILABLE` while it can't be known which place is right.
   */
  async forUser<T>(
    callers: ShardMapping | undefined,
    work: (shard: Shard) => T | Promise<T>,
  ): Promise<T | Elsewhere> {
    if (!this.#mapping.isKnown) await this.#mapping.learn();
    return this.#mapping.against(callers) ?? work(this.#shard);
  }

  /** The same for a read, which is refused where the shard has too much to do. */
  forReader<T>(
    callers: ShardMapping | undefined,
    work: (shard: Shard) => Promise<T>,
  ): Promise<T | Elsewhere> {
    return this.forUser(callers, (shard) => {
      shard.admitRead();
      return work(shard);
    });
  }

  /** For those whom this very shard has sent, or who call all of them. */
  async forAnybody<T>(work: (shard: Shard) => T | Promise<T>): Promise<T> {
    if (!this.#mapping.isKnown) await this.#mapping.learn();
    return work(this.#shard);
  }

  /** The mapping that this shard goes by. */
  mapping(): Promise<StoredMapping> {
    return this.forAnybody(() => this.#mapping.mapping);
  }

  /** For what needs no user: the alarm, a look from outside. */
  get shard(): Shard {
    return this.#shard;
  }
}
