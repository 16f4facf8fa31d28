import { isCode } from "../../contracts/errors.ts";
import { withMap, type MapBefore } from "./buckets-of-before.ts";
import { Placement } from "./placement.ts";
import type { KeptMapping } from "./shard-mapping.ts";

interface DatabaseDirectoryDeps {
  /** Asks the mapping object. Throws `UNAVAILABLE`. */
  readonly askMapping: () => Promise<KeptMapping>;
  /** Asks a shard for its copy, where the mapping object can't be had. */
  readonly askShard: (shard: number) => Promise<KeptMapping>;
  /** What `HISTORY_BUCKETS` said in the release before, where it is still set. */
  readonly before: MapBefore | null;
}

/**
 * Which database holds whom, for those who are no shard: the job and operators. An isolate asks
 * once and keeps the answer, since nothing moves buckets yet.
 */
export class DatabaseDirectory {
  readonly #deps: DatabaseDirectoryDeps;
  #placement: Placement | null = null;

  constructor(deps: DatabaseDirectoryDeps) {
    this.#deps = deps;
  }

  /**
   * Where users are. `shard` is one that is asked where the mapping object can't say. Throws
   * `UNAVAILABLE` where nobody can.
   */
  async placement(shard?: number): Promise<Placement> {
    // Callers who come at once each ask: a request that ends would take the others' answer with it.
    this.#placement ??= new Placement(withMap(await this.#ask(shard), this.#deps.before).map);
    return this.#placement;
  }

  async #ask(shard: number | undefined): Promise<KeptMapping> {
    const { askMapping, askShard } = this.#deps;
    try {
      return await askMapping();
    } catch (error) {
      // At the spending cap shards are refused as well, and why must not get lost.
      if (shard === undefined || isCode(error, "SPENDING_CAP")) throw error;
      return askShard(shard);
    }
  }
}
