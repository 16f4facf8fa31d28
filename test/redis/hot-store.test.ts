import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeCauses } from "../../src/contracts/errors.ts";
import { RemoteHotStore } from "../../src/history/biz/remote-hot-store.ts";
import type { RemoteValues } from "../../src/history/biz/ports.ts";
import { describeHotStore } from "../history/support/hot-store-contract.ts";
import { recordOf } from "../support/databases/history-records.ts";
import { startFrontAndServer, type FrontAndServer } from "./support/front-and-server.ts";
import { redisValues } from "./support/redis-values.ts";

let redis: FrontAndServer;
beforeAll(async () => {
  redis = await startFrontAndServer();
});
afterAll(() => redis.stop());

/** A patient one: how long a call takes on a busy machine is not what these tests are about. */
const values = () => redisValues(redis, { timeoutMs: 5_000 });

describeHotStore(
  "Redis",
  (durable) =>
    new RemoteHotStore({
      durable,
      values: values(),
      mayWriteKeys: () => true,
      onMissing: (missing) => {
        throw new Error(JSON.stringify(missing));
      },
      now: Date.now,
      onBackgroundFailure: (what, error) => {
        throw new Error(what, { cause: error });
      },
    }),
);

describe("values in Redis", () => {
  const key = (userId: string): string => `hot:${userId}:video/m1`;

  it("have no lifetime until D1 has them, then one, and none again with what comes after it", async () => {
    const of = recordOf({ userId: "lifetimes", rev: 5 });
    await values().put("a", [of]);
    expect(await redis.native.pttl(key("lifetimes"))).toBe(-1);
    await values().drop("a", [{ ...of, rev: 4 }]);
    expect(await redis.native.pttl(key("lifetimes"))).toBe(-1);
    await values().drop("a", [of]);
    const leftMs = await redis.native.pttl(key("lifetimes"));
    expect(leftMs).toBeGreaterThan(3_000_000);
    expect(leftMs).toBeLessThanOrEqual(4_500_000);
    expect(await redis.native.pttl("hot:lifetimes:items")).toBeGreaterThan(leftMs);
    await values().put("a", [{ ...of, rev: 6 }]);
    expect(await redis.native.pttl(key("lifetimes"))).toBe(-1);
    expect(await redis.native.pttl("hot:lifetimes:items")).toBe(-1);
  });

  it("that are recalled have no lifetime either, but for those of a state that came later", async () => {
    const of = recordOf({ userId: "recalled", rev: 5 });
    await values().put("a", [of]);
    await values().drop("a", [of]);
    const asked = [of, { ...of, itemId: "other" }];
    expect(await values().get("a", asked)).toEqual([of, null]);
    expect(await redis.native.pttl(key("recalled"))).toBeGreaterThan(0);
    for (const rev of [4, 6]) expect(await values().recall("a", [{ ...of, rev }])).toEqual([null]);
    expect(await redis.native.pttl(key("recalled"))).toBeGreaterThan(0);
    expect(await values().recall("a", asked)).toEqual([of, null]);
    expect(await redis.native.pttl(key("recalled"))).toBe(-1);
    expect(await values().recall("a", [{ ...of, rev: 6 }])).toEqual([of]);
  });

  it("are in no failure of theirs", async () => {
    await redis.native.set("hot:who:items", "no sorted set");
    const failure = await values()
      .put("a", [recordOf({ userId: "who", deviceId: "what" })])
      .catch((error: unknown) => error);
    expect(describeCauses(failure)).toContain("WRONGTYPE");
    expect(describeCauses(failure)).not.toMatch(/who|redis\.call\('SET'/);
  });

  it("expire at different times", async () => {
    const all = Array.from({ length: 20 }, (_, index) => recordOf({ userId: "jitter", itemId: `m${index}` }));
    await values().put("a", all);
    await values().drop("a", all);
    const left = await Promise.all(all.map(({ itemId }) => redis.native.pttl(`hot:jitter:video/${itemId}`)));
    expect(Math.max(...left) - Math.min(...left)).toBeGreaterThan(60_000);
  });

  it("of a later revision win only where they are not dated before", async () => {
    const of = recordOf({ userId: "order", atMs: 10, rev: 5 });
    expect(await values().put("a", [of])).toEqual([]);
    const before = { ...of, atMs: 9, rev: 9, positionMs: 1 };
    const other = recordOf({ userId: "order", itemId: "m3" });
    expect(await values().put("a", [other, before])).toEqual([before]);
    await values().put("a", [{ ...of, rev: 4, positionMs: 2 }]);
    expect(await values().get("a", [of])).toEqual([of]);
    // One that D1 has is in nobody's way.
    await values().drop("a", [of]);
    expect(await values().put("a", [before])).toEqual([]);
    expect(await values().get("a", [of])).toEqual([before]);
    // Larger than what 32 bits, or six decimals, hold.
    const late = recordOf({ userId: "order", itemId: "m2", rev: 1_700_000_000_000 * 1_024 });
    await values().put("a", [late]);
    await values().put("a", [{ ...late, rev: late.rev + 1, positionMs: 3 }]);
    await values().put("a", [{ ...late, positionMs: 4 }]);
    expect(await values().get("a", [late])).toMatchObject([{ rev: late.rev + 1, positionMs: 3 }]);
  });

  it("of an erased user are gone, and none comes in after that", async () => {
    const of = recordOf({ userId: "erased" });
    await values().put("a", [of, { ...of, itemId: "m2" }]);
    await redis.native.del("hot:erased:items");
    await values().forget("erased", [of, { ...of, itemId: "m2" }]);
    await values().put("a", [of]);
    expect(await redis.native.keys("hot:erased:*")).toEqual(["hot:erased:erased"]);
    expect(await redis.native.pttl("hot:erased:erased")).toBeGreaterThan(0);
  });

  it("are found by an erasure as long as they are there, whatever else of the user has gone", async () => {
    const [pending, confirmed] = ["m1", "m2"].map((itemId) => recordOf({ userId: "stray", itemId }));
    if (pending === undefined || confirmed === undefined) throw new Error("two were made");
    await values().put("a", [pending, confirmed]);
    await values().drop("a", [confirmed]);
    expect(await redis.native.pttl("hot:stray:items")).toBe(-1);
    await values().drop("a", [pending]);
    expect(await redis.native.pttl("hot:stray:items")).toBeGreaterThan(4_500_000);
    await values().recall("a", [pending]);
    expect(await redis.native.pttl("hot:stray:items")).toBe(-1);
    await values().forget("stray", []);
    expect(await redis.native.keys("hot:stray:*")).toEqual(["hot:stray:erased"]);
  });

  it("say whether they may be evicted", async () => {
    expect(await values().evictionPolicy("a")).toBe("noeviction");
    await redis.native.config("SET", "maxmemory-policy", "allkeys-lru");
    expect(await values().evictionPolicy("a")).toBe("allkeys-lru");
    await redis.native.config("SET", "maxmemory-policy", "noeviction");
  });

  it("are given up after a cache's time where Redis hangs, without a second try", async () => {
    const hasty: RemoteValues = redisValues(redis);
    await hasty.put("a", [recordOf({ userId: "warm" })]).catch(() => undefined);
    redis.hang();
    try {
      const beganMs = performance.now();
      await expect(hasty.get("a", [recordOf({ userId: "warm" })])).rejects.toThrow("call Redis");
      expect(performance.now() - beganMs).toBeLessThan(1_000);
    } finally {
      redis.resume();
    }
  });
});
