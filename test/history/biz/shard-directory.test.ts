import { describe, expect, it } from "vitest";
import { CodedError, isCode } from "../../../src/contracts/errors.ts";
import { spreadEvenly } from "../../../src/history/biz/bucket-map.ts";
import type { MapBefore } from "../../../src/history/biz/buckets-of-before.ts";
import { MappingCopy } from "../../../src/history/biz/mapping-copy.ts";
import { MappingKeeper, type MappingInD1 } from "../../../src/history/biz/mapping-keeper.ts";
import type { KeptMapping } from "../../../src/history/biz/shard-mapping.ts";
import { ShardDirectory } from "../../../src/history/biz/shard-directory.ts";
import { shardOf, type Elsewhere, type ShardMapping } from "../../../src/history/biz/shard-mapping.ts";

const DATABASES = ["HISTORY_DB_0", "HISTORY_DB_1"];
const away = (): Promise<never> => Promise.reject(new CodedError("UNAVAILABLE", "away"));

/** A platform of shards that know the mapping only as the mapping object gives it to them. */
function platform({
  inD1 = null as ShardMapping | null,
  seedShards = 4,
  d1IsAway = false,
  keeperIsAway = false,
  oldShards = false,
  before = null as MapBefore | null,
  databases = DATABASES,
} = {}) {
  const world = {
    d1IsAway,
    keeperIsAway,
    d1Reads: 0,
    keeperCalls: 0,
    stored: null as KeptMapping | null,
    before,
  };
  const startKeeper = () =>
    new MappingKeeper({
      store: { read: () => world.stored, write: (mapping) => void (world.stored = mapping) },
      readFromD1: async (): Promise<MappingInD1> => {
        world.d1Reads += 1;
        if (world.d1IsAway) return away();
        return { ...(inD1 ?? { version: 1, shards: seedShards }), isSeeded: inD1 === null };
      },
      isOldShard: async () => oldShards,
      seedShards,
      databases,
      usersIn: async () => [],
      before: world.before,
      onBackgroundFailure: () => undefined,
    });
  let keeper = startKeeper();
  const askMapping = (): Promise<KeptMapping> => {
    world.keeperCalls += 1;
    return world.keeperIsAway ? away() : keeper.current();
  };
  const copies = new Map<number, KeptMapping>();
  const landed: { readonly user: string; readonly shard: number }[] = [];
  const copyOf = (shard: number): MappingCopy =>
    new MappingCopy({
      store: {
        readMapping: () => copies.get(shard) ?? null,
        writeMapping: (mapping) => void copies.set(shard, mapping),
      },
      before: world.before,
      askMapping,
      onLearned: () => undefined,
    });
  /** A shard that has just been woken, as far as memory goes. */
  const ask =
    (user: string) =>
    async (shard: number, mapping: ShardMapping): Promise<string | Elsewhere> => {
      const copy = copyOf(shard);
      if (!copy.isKnown) await copy.learn();
      const elsewhere = copy.against(mapping);
      if (elsewhere !== null) return elsewhere;
      landed.push({ user, shard });
      return `shard ${shard}`;
    };
  const directory = (): ShardDirectory => new ShardDirectory({ seedShards, askMapping });
  return {
    world,
    landed,
    copies,
    copyOf,
    ask,
    directory,
    keeper: () => keeper,
    restartKeeper: () => void (keeper = startKeeper()),
  };
}

const USERS = Array.from({ length: 60 }, (_, user) => `user-${user}`);

describe("finding a user's shard", () => {
  it("needs no database: a new platform takes reports while all of them are away", async () => {
    const { world, directory, ask, landed } = platform({ d1IsAway: true });
    const from = directory();
    for (const user of USERS) await from.ofUser(user, ask(user));
    for (const { user, shard } of landed) expect(shard).toBe(shardOf(user, { version: 1, shards: 4 }));
    expect(landed).toHaveLength(USERS.length);
    expect(world.stored).toMatchObject({ version: 1, shards: 4, map: spreadEvenly(DATABASES) });
  });

  it("takes over the mapping that D1 holds, once, whatever the seed says", async () => {
    const { world, directory, ask, landed, restartKeeper } = platform({ inD1: { version: 3, shards: 16 } });
    const from = directory();
    for (const user of USERS) await from.ofUser(user, ask(user));
    for (const { user, shard } of landed) expect(shard).toBe(shardOf(user, { version: 3, shards: 16 }));
    restartKeeper();
    await directory().mapping();
    expect(world.d1Reads).toBe(1);
  });

  it("lands nothing in a wrong shard with mapping object and D1 away, sixteen stored and a seed of four", async () => {
    const { world, directory, ask, landed } = platform({ inD1: { version: 1, shards: 16 }, oldShards: true });
    const first = directory();
    // Half of the shards have learned the mapping before everything goes away.
    for (const user of USERS.slice(0, 12)) await first.ofUser(user, ask(user));
    world.d1IsAway = true;
    world.keeperIsAway = true;
    const fresh = directory();
    let refused = 0;
    for (const user of USERS)
      await fresh
        .ofUser(user, ask(user))
        .catch((error: unknown) => (refused += isCode(error, "UNAVAILABLE") ? 1 : 1_000));
    for (const { user, shard } of landed) expect(shard).toBe(shardOf(user, { version: 1, shards: 16 }));
    expect(refused).toBeLessThan(USERS.length);
    expect(landed.length).toBe(12 + USERS.length - refused);
  });

  it("refuses rather than guess where D1 is away and older shards are there", async () => {
    const { world, directory, ask, landed } = platform({
      inD1: { version: 1, shards: 16 },
      oldShards: true,
      d1IsAway: true,
    });
    await expect(directory().ofUser("ada", ask("ada"))).rejects.toSatisfy((error) =>
      isCode(error, "UNAVAILABLE"),
    );
    expect([landed, world.stored]).toEqual([[], null]);
    world.d1IsAway = false;
    await directory().ofUser("ada", ask("ada"));
    expect(landed).toHaveLength(1);
  });

  it("is found out shard by shard where they answer one by one, while D1 is away", async () => {
    let asked = 0;
    const keeper = new MappingKeeper({
      store: { read: () => null, write: () => undefined },
      readFromD1: away,
      // Each shard answers only every fourth time.
      isOldShard: async () => ((asked += 1) % 4 === 0 ? false : away()),
      seedShards: 4,
      databases: DATABASES,
      usersIn: async () => [],
      before: null,
      onBackgroundFailure: () => undefined,
    });
    let attempts = 0;
    for (; attempts < 20; attempts += 1)
      if (
        await keeper.current().then(
          () => true,
          () => false,
        )
      )
        break;
    expect(attempts).toBeLessThan(20);
  });

  it("tells a shard by which mapping it came, and never the map of buckets: calls carry it", async () => {
    const { directory, ask } = platform({ inD1: { version: 2, shards: 16 } });
    const from = directory();
    await from.mapping();
    const told: ShardMapping[] = [];
    await from.ofUser("ada", (shard, mapping) => {
      told.push(mapping);
      return ask("ada")(shard, mapping);
    });
    expect(told).toEqual([{ version: 2, shards: 16 }]);
  });

  it("leaves the mapping object alone once a shard has its copy, also over a restart", async () => {
    const { world, directory, ask } = platform();
    for (const user of USERS) await directory().ofUser(user, ask(user));
    const calls = world.keeperCalls;
    expect(calls).toBeLessThanOrEqual(4);
    world.keeperIsAway = true;
    for (const user of USERS) await directory().ofUser(user, ask(user));
    expect(world.keeperCalls).toBe(calls);
  });

  it("is asked of the mapping object once by all who come to a shard at once, and again where that fails", async () => {
    const { world, copyOf } = platform({ keeperIsAway: true });
    const copy = copyOf(0);
    const learn = () => Promise.allSettled(Array.from({ length: 100 }, () => copy.learn()));
    expect((await learn()).every(({ status }) => status === "rejected")).toBe(true);
    expect(world.keeperCalls).toBe(1);
    world.keeperIsAway = false;
    expect((await learn()).every(({ status }) => status === "fulfilled")).toBe(true);
    expect([world.keeperCalls, copy.isKnown]).toEqual([2, true]);
  });

  it("puts a caller right who goes by another mapping, be its version lower or higher", async () => {
    const { copyOf, copies } = platform();
    copies.set(0, { version: 5, shards: 8, buckets: 7, map: spreadEvenly(DATABASES) });
    const copy = copyOf(0);
    for (const callers of [
      { version: 0, shards: 8 },
      { version: 4, shards: 4 },
      { version: 9, shards: 16 },
    ])
      expect(copy.against(callers)).toEqual({ elsewhere: { version: 5, shards: 8 } });
    expect(copy.against({ version: 5, shards: 8 })).toBeNull();
    // Callers of the release before name none.
    expect(copy.against(undefined)).toBeNull();
  });

  it("gives up where shards send a caller in circles", async () => {
    let hops = 0;
    const { directory } = platform();
    const circle = async (): Promise<Elsewhere> => ({
      elsewhere: { version: (hops += 1), shards: 1 + (hops % 3) },
    });
    await expect(directory().ofUser("ada", circle)).rejects.toSatisfy((error) =>
      isCode(error, "UNAVAILABLE"),
    );
    expect(hops).toBe(3);
  });

  it("goes on by what a shard has said where every shard has to be called and the mapping object is away", async () => {
    const { world, directory, ask } = platform({ inD1: { version: 2, shards: 16 } });
    const from = directory();
    await from.ofUser("ada", ask("ada"));
    world.keeperIsAway = true;
    expect(await from.mapping()).toEqual({ version: 2, shards: 16 });
    await expect(directory().mapping()).rejects.toSatisfy((error) => isCode(error, "UNAVAILABLE"));
  });
});
