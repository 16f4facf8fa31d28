import {
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
  evictDurableObject,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryOperations, HistoryPlayback } from "../../src/contracts/history.ts";
import { LOG_FORMAT } from "../../src/history/biz/log-format.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import worker from "../../src/history/worker.ts";
import { recordOf } from "../support/databases/history-records.ts";
import { plainPromises } from "../support/workers/plain-promises.ts";

const SHARDS = 4;
const databases = [env.HISTORY_DB_0, env.HISTORY_DB_1];
const entrypoints = exports as unknown as { Playback: HistoryPlayback; Operations: HistoryOperations };
const playback = plainPromises(entrypoints.Playback);
const operations = plainPromises(entrypoints.Operations);

const contextOf = (userId: string): CallContext => ({
  requestId: "r",
  traceparent: "",
  remainingMs: 10_000,
  principal: { userId, sessionId: "s", roles: ["user"] },
});

async function sweep(): Promise<void> {
  const execution = createExecutionContext();
  await worker.scheduled(createScheduledController(), env);
  await waitOnExecutionContext(execution);
}

/** Has the job write a user's state, whichever shard has it. */
async function bringStates(userId: string): Promise<void> {
  const messages = Array.from({ length: SHARDS }, (_, shard) => ({
    id: `m-${shard}`,
    timestamp: new Date(),
    attempts: 1,
    body: { type: "flush", shard, users: [], states: [userId] },
  }));
  await worker.queue(createMessageBatch("playhead-history-flush", messages), env);
}

/** What a release of before has left: shards that write the first format. */
async function asOfBefore(): Promise<void> {
  for (let shard = 0; shard < SHARDS; shard += 1) {
    const object = env.SHARD.getByName(`shard-${shard}`);
    await runInDurableObject(object, (_instance, { storage }) => storage.kv.put("format", 1));
    await evictDurableObject(object);
  }
}

const formats = async (): Promise<readonly unknown[]> =>
  (await operations.overview(contextOf("ops"))).shards.map(({ logFormat }) => logFormat);

describe("a cell whose shards the release before has made", () => {
  it("takes what people do by hand once a sweep has found that all shards know how to write it, and shows that", async () => {
    await sweep();
    await asOfBefore();
    const own = contextOf("ada");
    expect(await formats()).toEqual(Array(SHARDS).fill(1));
    await expect(playback.setSettings(own, { paused: true })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(playback.clear(own)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await sweep();
    expect(await formats()).toEqual(Array(SHARDS).fill(LOG_FORMAT));
    expect(await playback.setSettings(own, { paused: true })).toMatchObject({ paused: true });
    await playback.clear(own);
  });
});

describe("a tombstone of a user of whom nothing more comes", () => {
  it("is gone a sweep and a flush after its thirty days, and one that is younger is not", async () => {
    const dayMs = 86_400_000;
    const userId = "gone-away";
    await playback.report(contextOf(userId), [
      { kind: "video", itemId: "m0", positionMs: 1, event: "playing", at: Date.now() - 40 * dayMs },
    ]);
    const tombstones = [31, 29].map((days, index) =>
      recordOf({
        userId,
        itemId: `m${days}`,
        deleted: true,
        atMs: Date.now() - days * dayMs,
        rev: (Date.now() - days * dayMs) * 1024 + index,
      }),
    );
    // Wherever the user is: of the other database the shard says the same.
    for (const db of databases) await d1HistoryWriter(db, Date.now).upsert(tombstones);
    await sweep();
    await bringStates(userId);
    const left = await Promise.all(
      databases.map(async (db) => {
        const { results } = await db
          .prepare("SELECT item_id FROM history WHERE user_id = ? AND deleted = rev")
          .bind(userId)
          .all<{ item_id: string }>();
        return results.map((row) => row.item_id);
      }),
    );
    expect(left).toContainEqual(["m29"]);
  });
});

describe("what holds for a user as a whole", () => {
  it("is in the database once the job has been told of it, and confirmed to the shard", async () => {
    const own = contextOf("eve");
    await playback.setSettings(own, { paused: true });
    await bringStates("eve");
    const rows: unknown[] = [];
    for (const db of databases)
      rows.push(await db.prepare("SELECT paused FROM history_user WHERE user_id = 'eve'").first("paused"));
    expect(new Set(rows)).toEqual(new Set([1, null]));
    const asked: unknown[] = [];
    for (let shard = 0; shard < SHARDS; shard += 1)
      asked.push(...(await env.SHARD.getByName(`shard-${shard}`).collectStates(["eve"])));
    expect(asked).toEqual([]);
  });
});
