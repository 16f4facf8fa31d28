import { DurableObject } from "cloudflare:workers";
import type { MappingKeeper, StoredMapping } from "../biz/mapping-keeper.ts";
import type { MappingRpc } from "../biz/shard-rpc.ts";

/** The Durable Object around the one {@link MappingKeeper}. */
export function mappingObject<E extends object>(wireMapping: (state: DurableObjectState, env: E) => MappingKeeper) {
  return class MappingObject extends DurableObject<E> implements MappingRpc {
    readonly #keeper: MappingKeeper;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      this.#keeper = wireMapping(state, env);
    }

    async current(buckets: number): Promise<StoredMapping> {
      return this.#keeper.current(buckets);
    }
  };
}
