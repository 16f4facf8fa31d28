import { DurableObject } from "cloudflare:workers";
import * as z from "zod";
import { validate } from "../../platform/validate.ts";
import type { MappingKeeper } from "../biz/mapping-keeper.ts";
import type { StoredMapping } from "../biz/shard-mapping.ts";
import type { MappingRpc } from "../biz/shard-rpc.ts";

/** A fingerprint of 32 bits. */
const bucketsSchema = z.int().min(0).max(0xffff_ffff);
const takesMapSchema = z.optional(z.boolean());

/** The Durable Object around the one {@link MappingKeeper}. */
export function mappingObject<E extends object>(
  wireMapping: (state: DurableObjectState, env: E) => MappingKeeper,
) {
  return class HistoryMapping extends DurableObject<E> implements MappingRpc {
    readonly #keeper: MappingKeeper;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      this.#keeper = wireMapping(state, env);
    }

    async current(buckets: number, takesMap?: boolean): Promise<StoredMapping> {
      const callers = validate(bucketsSchema, buckets, "buckets");
      const isOfThisRelease = validate(takesMapSchema, takesMap, "takesMap") === true;
      return this.#keeper.current(isOfThisRelease ? undefined : callers);
    }
  };
}
