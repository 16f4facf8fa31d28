import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import { spreadEvenly } from "../../../src/history/biz/bucket-map.ts";
import { bucketOf } from "../../../src/history/biz/buckets.ts";
import {
  BUCKETS_BEFORE,
  fingerprintOf,
  parseBucketRanges,
  RANGES_BEFORE,
  widened,
  type MapBefore,
} from "../../../src/history/biz/buckets-of-before.ts";
import { DatabaseDirectory } from "../../../src/history/biz/database-directory.ts";
import { MappingCopy } from "../../../src/history/biz/mapping-copy.ts";
import { MappingKeeper, type MappingInD1 } from "../../../src/history/biz/mapping-keeper.ts";
import { Placement, UNKNOWN_DATABASE } from "../../../src/history/biz/placement.ts";
import type { KeptMapping, StoredMapping } from "../../../src/history/biz/shard-mapping.ts";

const DEFAULT = parseBucketRanges(RANGES_BEFORE);
const OWN = parseBucketRanges("0-99=2,100-1023=0");
const USERS = Array.from({ length: 200 }, (_, user) => `user-${user}`);
const away = (): Promise<never> => Promise.reject(new CodedError("UNAVAILABLE", "away"));

/** What the release before kept, by what its `HISTORY_BUCKETS` said. */
const keptBy = (map: MapBefore): KeptMapping => ({ version: 1, shards: 16, buckets: fingerprintOf(map) });

interface Platform {
  readonly kept: KeptMapping | null;
  readonly before: MapBefore | null;
  readonly inD1: MappingInD1 | "away";
  readonly hasOldShards: boolean;
  /** The one shard that such a release has made. */
  readonly oldShard: number;
  /** The map by which users are in its databases. */
  readonly placedBy: MapBefore;
  readonly bound: readonly string[];
}

const NEW: Platform = {
  kept: null,
  before: null,
  inD1: { version: 1, shards: 4, isSeeded: true },
  hasOldShards: false,
  oldShard: 0,
  placedBy: DEFAULT,
  bound: ["HISTORY_DB_0", "HISTORY_DB_1", "HISTORY_DB_2"],
};

/** The mapping object of such a platform. */
function keeperOf(change: Partial<Platform>) {
  const { kept, before, inD1, hasOldShards, oldShard, placedBy, bound } = { ...NEW, ...change };
  const world = { stored: kept, asked: 0 };
  const keeper = new MappingKeeper({
    store: { read: () => world.stored, write: (mapping) => void (world.stored = mapping) },
    readFromD1: async () => (inD1 === "away" ? away() : inD1),
    isOldShard: async (shard) => {
      world.asked += 1;
      return hasOldShards && shard === oldShard;
    },
    seedShards: 4,
    databases: bound,
    usersIn: async (database) =>
      USERS.filter((user) => database === `HISTORY_DB_${placedBy[bucketOf(user) % BUCKETS_BEFORE]}`),
    before,
    onBackgroundFailure: () => undefined,
  });
  return { keeper, world };
}

/** Who is in another database than before. */
function movedBy({ map }: StoredMapping, before: MapBefore): readonly string[] {
  const placement = new Placement(map);
  return USERS.filter((user) => placement.databaseOf(user) !== before[bucketOf(user) % BUCKETS_BEFORE]);
}

describe("the first stored map of buckets", () => {
  const evenly = spreadEvenly(["HISTORY_DB_0", "HISTORY_DB_1", "HISTORY_DB_2"]);

  it("of a new platform spreads users over all databases that are bound then", async () => {
    const { keeper, world } = keeperOf({});
    expect((await keeper.current()).map).toEqual(evenly);
    expect(world.asked).toBe(0);
  });

  it("of a new platform is the same where D1 is away, or has kept the seed of an attempt that broke off", async () => {
    for (const inD1 of ["away", { version: 1, shards: 4, isSeeded: false }] as const)
      expect((await keeperOf({ inD1 }).keeper.current()).map).toEqual(evenly);
  });

  it("moves nobody of a platform whose mapping is in D1 alone", async () => {
    const from = { inD1: { version: 1, shards: 16, isSeeded: false }, hasOldShards: true };
    expect(movedBy(await keeperOf(from).keeper.current(), DEFAULT)).toEqual([]);
    expect(movedBy(await keeperOf({ ...from, before: OWN, placedBy: OWN }).keeper.current(), OWN)).toEqual(
      [],
    );
  });

  it("waits for D1 of a platform whose few users are in shards that a new one would not have", async () => {
    const { keeper, world } = keeperOf({ inD1: "away", hasOldShards: true, oldShard: 15 });
    await expect(keeper.current()).rejects.toThrow("in a database that is away");
    expect(world.stored).toBeNull();
  });

  it("moves nobody of the release before, whose var may be gone where nobody had changed it", async () => {
    expect(movedBy(await keeperOf({ kept: keptBy(DEFAULT) }).keeper.current(), DEFAULT)).toEqual([]);
    // A var that says otherwise than what is stored was refused before, and is not believed now.
    expect(movedBy(await keeperOf({ kept: keptBy(DEFAULT), before: OWN }).keeper.current(), DEFAULT)).toEqual(
      [],
    );
    expect(movedBy(await keeperOf({ kept: keptBy(OWN), before: OWN }).keeper.current(), OWN)).toEqual([]);
  });

  it("is refused rather than guessed where a var is missing that somebody had changed", async () => {
    const { keeper, world } = keeperOf({ kept: keptBy(OWN) });
    await expect(keeper.current()).rejects.toThrow("set HISTORY_BUCKETS as it was before");
    expect(world.stored).toEqual(keptBy(OWN));
    const { keeper: withVar, world: after } = keeperOf({ kept: keptBy(OWN), before: OWN });
    await withVar.current();
    // From then on without it.
    expect(movedBy(await keeperOf({ kept: after.stored }).keeper.current(), OWN)).toEqual([]);
  });

  it("is refused rather than guessed where D1 alone has the mapping and its users are elsewhere", async () => {
    const from = { inD1: { version: 1, shards: 16, isSeeded: false }, hasOldShards: true };
    for (const change of [{ placedBy: OWN }, { before: OWN }]) {
      const { keeper, world } = keeperOf({ ...from, ...change });
      await expect(keeper.current()).rejects.toThrow("set HISTORY_BUCKETS as it was before");
      expect(world.stored).toBeNull();
    }
  });

  it("is refused, by the database's name, where one is not bound that it would give users to for good", async () => {
    const bound = ["HISTORY_DB_0", "HISTORY_DB_1"];
    const old = { inD1: { version: 1, shards: 16, isSeeded: false }, hasOldShards: true };
    for (const change of [{ before: OWN }, { ...old, before: OWN, placedBy: OWN }]) {
      const { keeper, world } = keeperOf({ bound, ...change });
      await expect(keeper.current()).rejects.toThrow("HISTORY_DB_2 is not bound");
      expect(world.stored).toBeNull();
    }
    // What the var said by default knows a second one, though nobody is there to contradict it.
    const { keeper } = keeperOf({ bound: ["HISTORY_DB_0"], ...old, placedBy: DEFAULT.map(() => 2) });
    await expect(keeper.current()).rejects.toThrow("HISTORY_DB_1 is not bound");
  });

  it("stays, whatever is bound or set later", async () => {
    const { keeper, world } = keeperOf({});
    const first = await keeper.current();
    const later = keeperOf({ kept: world.stored, before: OWN });
    expect(await later.keeper.current()).toEqual(first);
  });
});

describe("a worker of the release before beside this one", () => {
  it("goes on by the fingerprint that it knows, and is refused with another", async () => {
    const { keeper } = keeperOf({ kept: keptBy(DEFAULT) });
    const answer = await keeper.current(fingerprintOf(DEFAULT));
    expect(answer).toMatchObject(keptBy(DEFAULT));
    await expect(keeper.current(fingerprintOf(OWN))).rejects.toThrow("goes by another map of buckets");
    // It would look for users of a new platform where they are not.
    await expect(keeperOf({}).keeper.current(fingerprintOf(DEFAULT))).rejects.toThrow(
      "goes by another map of buckets",
    );
  });
});

/** A shard's copy of the mapping. */
function copyOf(kept: KeptMapping | null, before: MapBefore | null, askMapping: () => Promise<KeptMapping>) {
  const world = { kept, learned: 0, asked: 0 };
  const start = (): MappingCopy =>
    new MappingCopy({
      store: { readMapping: () => world.kept, writeMapping: (mapping) => void (world.kept = mapping) },
      before,
      askMapping: () => {
        world.asked += 1;
        return askMapping();
      },
      onLearned: () => void (world.learned += 1),
    });
  return { world, start };
}

describe("a shard's copy of the map", () => {
  it("is completed without a question where the release before has left one, and kept", () => {
    for (const [map, before] of [
      [DEFAULT, null],
      [OWN, OWN],
    ] as const) {
      const { world, start } = copyOf(keptBy(map), before, away);
      expect(movedBy(start().mapping, map)).toEqual([]);
      expect(world.asked).toBe(0);
      expect(movedBy(copyOf(world.kept, null, away).start().mapping, map)).toEqual([]);
    }
  });

  it("comes from the mapping object where it can't be completed: that one has had the var", async () => {
    const whole = { ...keptBy(OWN), map: widened(OWN) };
    const { world, start } = copyOf(keptBy(OWN), null, async () => whole);
    const copy = start();
    expect([copy.isKnown, copy.databaseOf("ada")]).toEqual([false, UNKNOWN_DATABASE]);
    await copy.learn();
    expect(movedBy(copy.mapping, OWN)).toEqual([]);
    expect([world.learned, world.kept]).toEqual([1, whole]);
  });

  it("is completed where a mapping object of the release before answers with a fingerprint alone", async () => {
    const { start } = copyOf(null, null, async () => keptBy(DEFAULT));
    const copy = start();
    await copy.learn();
    expect(movedBy(copy.mapping, DEFAULT)).toEqual([]);
    const refused = copyOf(null, null, async () => keptBy(OWN)).start();
    await expect(refused.learn()).rejects.toThrow("set HISTORY_BUCKETS as it was before");
    expect(refused.isKnown).toBe(false);
  });

  it("can be read by an object of the release before", () => {
    const { world, start } = copyOf(keptBy(DEFAULT), null, away);
    start();
    // All that it compares.
    expect(world.kept).toMatchObject({ version: 1, shards: 16, buckets: 2_989_177_614 });
  });
});

describe("where users are, for the job", () => {
  const whole = { ...keptBy(OWN), map: widened(OWN) };

  it("is asked once an isolate", async () => {
    let asked = 0;
    const places = new DatabaseDirectory({
      askMapping: async () => {
        asked += 1;
        return whole;
      },
      askShard: away,
      before: null,
    });
    for (let batch = 0; batch < 3; batch += 1) {
      const { databaseOf } = await places.placement(0);
      for (const user of USERS) expect(databaseOf(user)).toBe(OWN[bucketOf(user) % BUCKETS_BEFORE]);
    }
    expect(asked).toBe(1);
  });

  it("is what a shard says while the mapping object is away, and unknown where neither answers", async () => {
    const asked: number[] = [];
    let isAway = true;
    const places = new DatabaseDirectory({
      askMapping: away,
      askShard: async (shard) => {
        asked.push(shard);
        return isAway ? away() : whole;
      },
      before: null,
    });
    await expect(places.placement()).rejects.toThrow("away");
    await expect(places.placement(7)).rejects.toThrow("away");
    isAway = false;
    expect((await places.placement(7)).databases).toEqual([0, 2]);
    expect((await places.placement()).databases).toEqual([0, 2]);
    expect(asked).toEqual([7, 7]);
  });

  it("can't be told at the spending cap, and it is that also where the shard's breaker was open before", async () => {
    const places = new DatabaseDirectory({
      askMapping: () => Promise.reject(new CodedError("SPENDING_CAP", "may cost no more")),
      askShard: () => Promise.reject(new CodedError("CIRCUIT_OPEN", "is left alone")),
      before: null,
    });
    await expect(places.placement(7)).rejects.toMatchObject({ code: "SPENDING_CAP" });
  });
});
