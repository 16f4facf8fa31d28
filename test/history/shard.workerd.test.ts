import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { EntryPage, Report } from "../../src/contracts/history.ts";
import { isElsewhere, type Elsewhere } from "../../src/history/biz/shard-mapping.ts";

const heartbeat = (itemId: string, positionMs: number, more: Partial<Report> = {}): Report => ({
  kind: "video",
  itemId,
  positionMs,
  event: "playing",
  ...more,
});

let shards = 0;
/** A shard no other test uses. */
function freshShard() {
  shards += 1;
  return env.SHARD.getByName(`shard-${shards}`);
}

const rowsOf = (shard: ReturnType<typeof freshShard>, query: string) =>
  runInDurableObject(shard, (_object, state) => state.storage.sql.exec(query).toArray());

/** An answer of the shard's own, not one that sends the caller elsewhere. */
function served(answer: EntryPage | Elsewhere): EntryPage {
  if (isElsewhere(answer)) throw new Error("the shard goes by another mapping");
  return answer;
}

describe("a caller far away", () => {
  // What callers of the release before still send: by their own clock, which may be wrong, plus the
  // way.
  // A machine that starves the runtime makes a shard late: its own load, for which it may refuse. A
  // shard that believed its callers would refuse them each time.
  it.each([80, 300_000, -300_000])(
    "whose call seems %i ms old is never refused by an idle shard",
    { retry: 2 },
    async (ageMs) => {
      const shard = freshShard();
      const callers = shard as unknown as {
        report(userId: string, reports: readonly Report[], sentAtMs: number): Promise<unknown>;
        list(userId: string, query: object, sentAtMs: number): Promise<unknown>;
      };
      await callers.report("ada", [heartbeat("m1", 1)], Date.now() - ageMs);
      for (let call = 0; call < 40; call += 1) {
        expect(await callers.list("ada", { limit: 1 }, Date.now() - ageMs)).toMatchObject({
          items: [{ itemId: "m1" }],
        });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  );
});

describe("a history shard", () => {
  it("answers reads with what was just reported", async () => {
    const shard = freshShard();
    expect(await shard.report("ada", [heartbeat("m1", 1_000), heartbeat("m2", 2_000)])).toMatchObject({
      accepted: 2,
      ignored: 0,
    });
    const { items } = served(await shard.list("ada", { limit: 10 }));
    expect(items.map(({ itemId, positionMs }) => [itemId, positionMs])).toEqual([
      ["m2", 2_000],
      ["m1", 1_000],
    ]);
  });

  it("commits reports that arrive together in one log row, where reports come often, and says how long they waited", async () => {
    const shard = freshShard();
    for (const user of ["ada", "bob"]) {
      await shard.report(user, [heartbeat("m0", 1)]);
      // Less is one burst, and the runtime's clock is its own.
      await new Promise((resolve) => void setTimeout(resolve, 110));
    }
    const receipts = await Promise.all(
      Array.from({ length: 50 }, (_, user) => shard.report(`user-${user}`, [heartbeat("m1", user)])),
    );
    const [{ rows }] = (await rowsOf(shard, "SELECT count(*) AS rows FROM log")) as [{ rows: number }];
    expect(rows).toBeLessThanOrEqual(4);
    expect((await shard.status()).pending).toBe(52);
    for (const receipt of receipts)
      expect(receipt).toMatchObject({ accepted: 1, waitedMs: expect.any(Number) });
  });

  it("lets no report wait longer than half of the time that its caller has left", async () => {
    const shard = freshShard();
    for (const user of ["ada", "bob"]) {
      await shard.report(user, [heartbeat("m0", 1)]);
      await new Promise((resolve) => void setTimeout(resolve, 110));
    }
    const hurried = await shard.report("eve", [heartbeat("m0", 1)], 0, { version: 1, shards: 4 }, 40);
    expect(hurried).toMatchObject({ accepted: 1, waitedMs: 20 });
  });

  it("replays its log after an eviction: nothing acknowledged is lost", async () => {
    const shard = freshShard();
    await shard.report("ada", [heartbeat("m1", 1_000, { deviceId: "tv", durationMs: 9_000 })]);
    await shard.report("bob", [heartbeat("m1", 5_000, { event: "paused" })]);
    const before = await shard.list("ada", { limit: 10 });
    await evictDurableObject(shard);
    expect(await shard.list("ada", { limit: 10 })).toEqual(before);
    expect((await shard.status()).pending).toBe(2);
  });

  it("gives later revisions after an eviction than before it", async () => {
    const shard = freshShard();
    await shard.report("ada", [heartbeat("m1", 1)]);
    const [before] = await shard.collect([{ userId: "ada", kind: "video", itemId: "m1" }]);
    await evictDurableObject(shard);
    await shard.report("ada", [heartbeat("m1", 2)]);
    const [after] = await shard.collect([{ userId: "ada", kind: "video", itemId: "m1" }]);
    expect(after?.rev).toBeGreaterThan(before?.rev ?? 0);
  });

  it("keeps a record pending if a newer report came in after the job collected it", async () => {
    const shard = freshShard();
    const key = { userId: "ada", kind: "video", itemId: "m1" };
    await shard.report("ada", [heartbeat("m1", 1)]);
    const [collected] = await shard.collect([key]);
    await shard.report("ada", [heartbeat("m1", 2)]);
    await shard.confirm([{ ...key, rev: collected?.rev ?? 0 }]);
    expect((await shard.collect([key])).map(({ positionMs }) => positionMs)).toEqual([2]);
  });

  it("overwrites freed log rows instead of adding more", async () => {
    const shard = freshShard();
    const key = { userId: "ada", kind: "video", itemId: "m1" };
    for (let round = 0; round < 5; round += 1) {
      await shard.report("ada", [heartbeat("m1", round)]);
      const [record] = await shard.collect([key]);
      await shard.confirm([{ ...key, rev: record?.rev ?? 0 }]);
    }
    expect(await rowsOf(shard, "SELECT slot FROM log")).toHaveLength(1);
  });

  // I7
  it("sets its alarm with the first report, and again if it got lost", async () => {
    const shard = freshShard();
    await shard.report("ada", [heartbeat("m1", 1)]);
    const alarmAt = () => runInDurableObject(shard, (_object, state) => state.storage.getAlarm());
    const first = await alarmAt();
    expect(first).toBeGreaterThan(Date.now());
    await runInDurableObject(shard, (_object, state) => state.storage.deleteAlarm());
    await evictDurableObject(shard);
    await shard.wake();
    expect(await alarmAt()).toBeGreaterThan(Date.now());
    expect((await alarmAt()) ?? 0).toBeLessThanOrEqual(first ?? 0);
  });

  it("sends what is due when the alarm goes off, and sets the next", async () => {
    const shard = freshShard();
    await shard.report("ada", [heartbeat("m1", 1)]);
    // The alarm is run early: the record is not due yet, so it stays and the alarm is set again.
    expect(await runDurableObjectAlarm(shard)).toBe(true);
    expect((await shard.status()).pending).toBe(1);
    expect(await runInDurableObject(shard, (_object, state) => state.storage.getAlarm())).toBeGreaterThan(
      Date.now(),
    );
  });

  it("is written back to D1 by the job after a flush, once, and then forgotten as pending", async () => {
    const shard = freshShard();
    await shard.report("grace", [heartbeat("m1", 7_000, { durationMs: 10_000, deviceId: "tv" })]);
    await shard.flush();
    await vi.waitFor(async () => expect((await shard.status()).pending).toBe(0), {
      timeout: 10_000,
      interval: 50,
    });
    const stored = [];
    for (const db of [env.HISTORY_DB_0, env.HISTORY_DB_1]) {
      const { results } = await db
        .prepare(
          "SELECT user_id, item_id, position_ms, duration_ms, device_id FROM history WHERE user_id = 'grace'",
        )
        .all();
      stored.push(...results);
    }
    expect(stored).toEqual([
      { user_id: "grace", item_id: "m1", position_ms: 7_000, duration_ms: 10_000, device_id: "tv" },
    ]);
  });

  it("loads a user from D1 whom it does not remember, and lets newer reports win over what D1 says", async () => {
    const shard = freshShard();
    await shard.report("lin", [heartbeat("m1", 1), heartbeat("m2", 2)]);
    await shard.flush();
    await vi.waitFor(async () => expect((await shard.status()).pending).toBe(0), {
      timeout: 10_000,
      interval: 50,
    });
    await evictDurableObject(shard);
    await shard.report("lin", [heartbeat("m1", 99)]);
    const { items } = served(await shard.list("lin", { limit: 10 }));
    expect(Object.fromEntries(items.map(({ itemId, positionMs }) => [itemId, positionMs]))).toEqual({
      m1: 99,
      m2: 2,
    });
  });

  it("refuses an erased user for good and shows nothing of them", async () => {
    const shard = freshShard();
    await shard.report("eve", [heartbeat("m1", 1)]);
    await shard.erase("eve");
    expect(await shard.report("eve", [heartbeat("m2", 1)])).toMatchObject({ accepted: 0, ignored: 1 });
    await evictDurableObject(shard);
    expect(await shard.report("eve", [heartbeat("m3", 1)])).toMatchObject({ accepted: 0, ignored: 1 });
    expect(served(await shard.list("eve", { limit: 10 })).items).toEqual([]);
    expect((await shard.status()).pending).toBe(0);
  });
});
