import { describe, expect, it } from "vitest";
import { CodedError, isCode } from "../../../src/contracts/errors.ts";
import { fingerprintOf, parseBucketRanges } from "../../../src/history/biz/buckets.ts";
import { MappingCopy } from "../../../src/history/biz/mapping-copy.ts";
import { MappingKeeper } from "../../../src/history/biz/mapping-keeper.ts";
import type { StoredMapping } from "../../../src/history/biz/shard-mapping.ts";
import { ShardDirectory } from "../../../src/history/biz/shard-directory.ts";
import { shardOf, type Elsewhere, type ShardMapping } from "../../../src/history/biz/shard-mapping.ts";

const BUCKETS = 7;
const away = (): Promise<never> => Promise.reject(new CodedError("UNAVAILABLE", "away"));

/** A platform of shards that know the mapping only as the mapping object gives it to them. */
function platform({
  inD1 = null as ShardMapping | null,
  seedShards = 4,
  d1IsAway = false,
  keeperIsAway = false,
  oldShards = false,
  buckets = BUCKETS,
} = {}) {
  const world = { d1IsAway, keeperIsAway, d1Reads: 0, keeperCalls: 0, stored: null as StoredMapping | null };
  const startKeeper = () =>
    new MappingKeeper({
      store: { read: () => world.stored, write: (mapping) => void (world.stored = mapping) },
      readFromD1: async () => {
        world.d1Reads += 1;
        return world.d1IsAway ? away() : (inD1 ?? { version: 1, shards: seedShards });
      },
      isOldShard: async () => oldShards,
      seedShards,
      onBackgroundFailure: () => undefined,
    });
  let keeper = startKeeper();
  const askMapping = (): Promise<StoredMapping> => {
    world.keeperCalls += 1;
    return world.keeperIsAway ? away() : keeper.current(buckets);
  };
  const copies = new Map<number, StoredMapping>();
  const landed: { readonly user: string; readonly shard: number }[] = [];
  const copyOf = (shard: number): MappingCopy =>
    new MappingCopy({
      store: {
        readMapping: () => copies.get(shard) ?? null,
        writeMapping: (mapping) => void copies.set(shard, mapping),
      },
      buckets,
      askMapping,
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
    expect(world.stored).toEqual({ version: 1, shards: 4, buckets: BUCKETS });
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
      onBackgroundFailure: () => undefined,
    });
    let attempts = 0;
    for (; attempts < 20; attempts += 1)
      if (
        await keeper.current(BUCKETS).then(
          () => true,
          () => false,
        )
      )
        break;
    expect(attempts).toBeLessThan(20);
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
    copies.set(0, { version: 5, shards: 8, buckets: BUCKETS });
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

describe("a changed map of buckets", () => {
  it("has another fingerprint, however it is spelled", () => {
    const map = parseBucketRanges("0-511=0,512-1023=1", 2);
    expect(fingerprintOf(parseBucketRanges("512-1023=1, 0-511=0", 2))).toBe(fingerprintOf(map));
    expect(fingerprintOf(parseBucketRanges("0-510=0,511-1023=1", 2))).not.toBe(fingerprintOf(map));
  });

  it("is refused by every shard, those that have a copy and those that ask for one", async () => {
    const before = platform();
    await before.directory().ofUser("ada", before.ask("ada"));
    const changed = platform({ buckets: BUCKETS + 1 });
    changed.world.stored = before.world.stored;
    for (const [shard, mapping] of before.copies) changed.copies.set(shard, mapping);
    for (const user of USERS)
      await expect(changed.directory().ofUser(user, changed.ask(user))).rejects.toThrow(
        "HISTORY_BUCKETS is not the map",
      );
    expect(changed.landed).toEqual([]);
  });
});
