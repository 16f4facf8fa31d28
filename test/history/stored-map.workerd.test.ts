import { createMessageBatch, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryOperations, HistoryPlayback } from "../../src/contracts/history.ts";
import { bucketOf } from "../../src/history/biz/buckets.ts";
import { BUCKETS_BEFORE } from "../../src/history/biz/buckets-of-before.ts";
import type { StoredMapping } from "../../src/history/biz/shard-mapping.ts";
import { wire } from "../../src/history/wire.ts";
import { plainPromises } from "../support/workers/plain-promises.ts";

const { Operations, Playback } = exports as unknown as {
  readonly Operations: HistoryOperations;
  readonly Playback: HistoryPlayback;
};
const ctx = (userId: string): CallContext => ({
  requestId: "r",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  remainingMs: 10_000,
  principal: { userId, sessionId: "a-session", roles: ["user", "admin"] },
});

const SHARDS = [0, 1, 2, 3];
const USERS = Array.from({ length: 24 }, (_, user) => `user-${user}`);
/** What the release before kept: a fingerprint of `0-511=0,512-1023=1`, and no map. */
const KEPT = { version: 1, shards: SHARDS.length, buckets: 2_989_177_614 };
const DATABASES = [env.HISTORY_DB_0, env.HISTORY_DB_1] as const;
/** As the release before placed its users. */
const databaseBefore = (userId: string): number => (bucketOf(userId) % BUCKETS_BEFORE < 512 ? 0 : 1);

const objects = (): readonly DurableObjectStub[] => [
  env.MAPPING.getByName("main"),
  ...SHARDS.map((shard) => env.SHARD.getByName(`shard-${shard}`)),
];

/** What each object keeps of the mapping. */
function kept(): Promise<readonly StoredMapping[]> {
  return Promise.all(
    objects().map((object) =>
      runInDurableObject(object, (_object, { storage }) => storage.kv.get("mapping") as StoredMapping),
    ),
  );
}

async function usersIn(db: D1Database): Promise<readonly string[]> {
  const { results } = await db
    .prepare("SELECT DISTINCT user_id AS userId FROM history")
    .all<{ userId: string }>();
  return results.map(({ userId }) => userId);
}

/** A platform that the release before has left, with a user in each database. */
beforeAll(async () => {
  for (const [shard, object] of objects().entries()) {
    await runInDurableObject(object, (_object, { storage }) => {
      storage.kv.put("mapping", KEPT);
      if (shard > 0) storage.kv.put("shard", shard - 1);
    });
    await evictDurableObject(object);
  }
});

describe("a platform of the release before", () => {
  it("goes on where its users are, and keeps the map from then on", async () => {
    for (const userId of USERS)
      await Playback.report(ctx(userId), [{ kind: "video", itemId: "m1", positionMs: 1, event: "playing" }]);
    await Operations.flush(ctx("op"));
    await vi.waitFor(
      async () => {
        const found = (await Promise.all(DATABASES.map(usersIn))).flat();
        expect(found.toSorted()).toEqual(USERS.toSorted());
      },
      { timeout: 15_000, interval: 100 },
    );
    for (const [number, db] of DATABASES.entries())
      expect((await usersIn(db)).map(databaseBefore)).toEqual((await usersIn(db)).map(() => number));
    // Not by chance: the halves of today are others.
    expect(USERS.map(databaseBefore)).not.toEqual(USERS.map((userId) => (bucketOf(userId) < 8_192 ? 0 : 1)));
    for (const mapping of await kept()) {
      expect(mapping).toMatchObject(KEPT);
      expect(mapping.map).toMatchObject({ version: 1, databases: ["HISTORY_DB_0", "HISTORY_DB_1"] });
      expect(mapping.map.runs).toHaveLength(32);
    }
  });

  it("answers its older objects' question with the fingerprint that they compare", async () => {
    const mapping = plainPromises(env.MAPPING.getByName("main"));
    expect(await mapping.current(KEPT.buckets)).toMatchObject(KEPT);
    await expect(mapping.current(KEPT.buckets + 1)).rejects.toThrow("goes by another map of buckets");
  });
});

describe("a database that is not bound", () => {
  const { HISTORY_DB_1: _unbound, ...bound } = env;
  const without = wire(bound as typeof env);
  const [here = "", there = ""] = [0, 1].map((number) =>
    USERS.find((userId) => databaseBefore(userId) === number),
  );

  it("holds up nobody's write but its own users'", async () => {
    for (const userId of [here, there])
      await Playback.report(ctx(userId), [{ kind: "video", itemId: "m2", positionMs: 7, event: "playing" }]);
    const messages = SHARDS.flatMap((shard) =>
      [here, there].map((userId) => ({
        id: `${shard} ${userId}`,
        timestamp: new Date(),
        attempts: 1,
        body: { type: "flush", shard, users: [[userId, ["video/m2"]]] },
      })),
    );
    await without.consume(createMessageBatch("playhead-history-flush", messages));
    const written = await Promise.all(
      DATABASES.map((db) => db.prepare("SELECT user_id FROM history WHERE item_id = 'm2'").raw()),
    );
    expect(written).toEqual([[[here]], []]);
  });

  it("leaves its users' erasure undone, by name, and nobody else's", async () => {
    await expect(without.erase(there, undefined)).rejects.toThrow("HISTORY_DB_1 is not bound");
    await expect(without.erase(here, undefined)).resolves.toBeUndefined();
  });
});
