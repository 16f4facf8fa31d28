import { MappingKeeper } from "../../../src/history/biz/mapping-keeper.ts";
import type { StoredMapping } from "../../../src/history/biz/shard-mapping.ts";
import { mappingInD1 } from "../../../src/history/data/mapping-in-d1.ts";
import { readStoredMapping, writeStoredMapping } from "../../../src/history/data/shard-facts.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import type { HistoryScene } from "./history-scene.ts";
import { SimObject } from "../kernel/sim-object.ts";

/*
 * PLACE OF CONSTRUCTION: here the object that keeps the mapping is built, as `wireMapping` does it.
 */

/** Fingerprint of the map of buckets: nobody changes it here. */
export const BUCKETS = 1;

/** The Durable Object that keeps the mapping. */
export class SimMapping {
  readonly object: SimObject<MappingKeeper>;
  readonly #world: HistoryScene;

  constructor(world: HistoryScene) {
    const { kernel } = world.options;
    this.#world = world;
    this.object = new SimObject({
      kernel,
      name: "mapping",
      now: kernel.now,
      build: () => this.#build(),
      onAlarm: async () => undefined,
      onCrash: () => undefined,
      hasOutputGate: true,
      note: (event) => world.counters.note(event),
    });
  }

  current(): Promise<StoredMapping> {
    return this.object.enter((keeper) => keeper.current(BUCKETS));
  }

  #build(): MappingKeeper {
    const { object } = this;
    const { kv } = object.storage;
    const world = this.#world;
    const { kernel, seedShards } = world.options;
    const database = world.reached(world.database(0), (what, effect) =>
      object.leave(what, CALL_TIMEOUT_MS.database, effect),
    );
    return new MappingKeeper({
      store: { read: () => readStoredMapping(kv), write: (mapping) => writeStoredMapping(kv, mapping) },
      readFromD1: () => mappingInD1(database, seedShards, kernel.now),
      isOldShard: (shard) =>
        object.leave("ask a shard for its age", CALL_TIMEOUT_MS.shard, () =>
          world.shard(shard).isFromBefore(),
        ),
      seedShards,
      onBackgroundFailure: () => world.counters.note("mapping not read from D1"),
    });
  }
}
