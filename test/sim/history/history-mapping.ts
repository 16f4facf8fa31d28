import { MappingKeeper } from "../../../src/history/biz/mapping-keeper.ts";
import type { StoredMapping } from "../../../src/history/biz/shard-mapping.ts";
import { databaseNumber } from "../../../src/history/biz/placement.ts";
import { d1SomeUsers } from "../../../src/history/data/d1-some-users.ts";
import { mappingInD1 } from "../../../src/history/data/mapping-in-d1.ts";
import { readStoredMapping, writeStoredMapping } from "../../../src/history/data/shard-facts.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { inWorld, MAIN, type SimCell } from "./history-cells.ts";
import type { HistoryScene, WorldOptions } from "./history-scene.ts";
import { SimObject } from "../kernel/sim-object.ts";

/*
 * PLACE OF CONSTRUCTION: here the object that keeps the mapping is built, as `wireMapping` does it.
 */

/** How many shards a worker goes by that has learned nothing. */
export function seedOf(cell: SimCell, { seedShards }: WorldOptions): number {
  return cell === MAIN ? seedShards : cell.shards.length;
}

/** The Durable Object that keeps the mapping of a cell. */
export class SimMapping {
  readonly object: SimObject<MappingKeeper>;
  readonly #world: HistoryScene;
  readonly #cell: SimCell;

  constructor(world: HistoryScene, cell: SimCell) {
    const { kernel } = world.options;
    this.#world = world;
    this.#cell = cell;
    this.object = new SimObject({
      kernel,
      name: cell === MAIN ? "mapping" : `mapping of ${cell.name}`,
      now: kernel.now,
      build: () => this.#build(),
      onAlarm: async () => undefined,
      onCrash: () => undefined,
      hasOutputGate: true,
      note: (event) => world.counters.note(event),
    });
  }

  current(): Promise<StoredMapping> {
    return this.object.enter((keeper) => keeper.current());
  }

  #build(): MappingKeeper {
    const { object } = this;
    const { kv } = object.storage;
    const world = this.#world;
    const { name, shards, databases, prefix } = this.#cell;
    const { kernel, before } = world.options;
    const seedShards = seedOf(this.#cell, world.options);
    const reached = (number: number): D1Database =>
      world.reached(world.database(inWorld(databases, number)), (what, effect) =>
        object.leave(what, CALL_TIMEOUT_MS.database, effect),
      );
    return new MappingKeeper({
      store: {
        read: () => readStoredMapping(kv, name),
        write: (mapping) => writeStoredMapping(kv, mapping),
      },
      readFromD1: () => mappingInD1(reached(0), seedShards, kernel.now),
      // One that nobody has ever used is new.
      isOldShard: async (shard) =>
        shard < shards.length &&
        object.leave("ask a shard for its age", CALL_TIMEOUT_MS.shard, () =>
          world.shard(inWorld(shards, shard)).isFromBefore(),
        ),
      seedShards,
      databases: databases.map((_database, number) => `${prefix}${number}`),
      usersIn: (database) => d1SomeUsers(reached(databaseNumber(database)), 50),
      before: this.#cell === MAIN ? before : null,
      onBackgroundFailure: () => world.counters.note("mapping not read from D1"),
    });
  }
}
