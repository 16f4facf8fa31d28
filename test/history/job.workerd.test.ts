import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createHistoryJob, type HistoryJobDeps } from "../../src/history/biz/history-job.ts";
import type { QueueMessage } from "../../src/history/biz/flush-message.ts";
import type { Confirmation, HistoryRecord } from "../../src/history/biz/record.ts";
import { d1HistoryReader } from "../../src/history/data/d1-history-reader.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { d1Erasure } from "../../src/history/data/d1-erasure.ts";

const db = env.HISTORY_DB_0;
const now = (): number => 1_700_000_000_000;

let users = 0;
const freshUser = (): string => `user-${(users += 1)}`;

const recordOf = (userId: string, more: Partial<HistoryRecord> = {}): HistoryRecord => ({
  userId,
  kind: "video",
  itemId: "m1",
  positionMs: 1_000,
  durationMs: null,
  event: "playing",
  deviceId: null,
  atMs: 1_000,
  rev: 1,
  ...more,
});

const flushOf = (records: readonly HistoryRecord[]): QueueMessage => ({
  type: "flush",
  shard: 0,
  users: records.map(({ userId, kind, itemId }) => [userId, [`${kind}/${itemId}`]]),
});

/** A job over the real database and a shard that holds `records`. */
function jobOver(records: readonly HistoryRecord[], more: Partial<HistoryJobDeps> = {}) {
  const confirmed: Confirmation[] = [];
  const failures: string[] = [];
  const run = createHistoryJob({
    shards: {
      collect: async () => records,
      confirm: async (_shard, confirmations) => void confirmed.push(...confirmations),
      refill: async () => undefined,
    },
    writers: [d1HistoryWriter(db, now)],
    databaseOf: () => 0,
    entriesPerUserMax: 1_000,
    random: () => 1,
    onFailure: (what) => void failures.push(what),
    ...more,
  });
  return { run, confirmed, failures };
}

const stored = async (userId: string): Promise<readonly HistoryRecord[]> => d1HistoryReader([db], () => 0).newestOf(userId, 2_000);

/** Rows D1 says it wrote for an upsert of `records`. */
async function rowsWritten(records: readonly HistoryRecord[]): Promise<number> {
  let written = 0;
  const counting = new Proxy(db, {
    get: (target, name) =>
      name !== "prepare"
        ? Reflect.get(target, name)
        : (sql: string) => ({
            bind: (...values: unknown[]) => ({
              run: async () => {
                const result = await target
                  .prepare(sql)
                  .bind(...values)
                  .run();
                written += result.meta.rows_written;
                return result;
              },
            }),
          }),
  });
  await d1HistoryWriter(counting, now).upsert(records);
  return written;
}

describe("the bulk upsert", () => {
  it("writes one row a record, and none for a repeated or a stale one", async () => {
    const userId = freshUser();
    const newest = recordOf(userId, { atMs: 2_000, rev: 20, positionMs: 2 });
    expect(await rowsWritten([newest])).toBe(1);
    expect(await rowsWritten([newest])).toBe(0);
    expect(await rowsWritten([recordOf(userId, { atMs: 1_999, rev: 99, positionMs: 1 })])).toBe(0);
    expect(await rowsWritten([recordOf(userId, { atMs: 2_000, rev: 19, positionMs: 1 })])).toBe(0);
    expect(await stored(userId)).toEqual([newest]);
  });

  it("lets the larger revision win between equal times", async () => {
    const userId = freshUser();
    await rowsWritten([recordOf(userId, { rev: 5, positionMs: 5 })]);
    expect(await rowsWritten([recordOf(userId, { rev: 6, positionMs: 6 })])).toBe(1);
    expect((await stored(userId)).map(({ positionMs }) => positionMs)).toEqual([6]);
  });

  it("refuses everything of an erased user", async () => {
    const userId = freshUser();
    await rowsWritten([recordOf(userId)]);
    await d1Erasure(db)(userId);
    expect(await rowsWritten([recordOf(userId, { atMs: 9_000, rev: 9 })])).toBe(0);
    expect(await stored(userId)).toEqual([]);
  });

  it("takes thousands of records in one statement", async () => {
    const userId = freshUser();
    const records = Array.from({ length: 3_000 }, (_, index) => recordOf(userId, { itemId: `m${index}`, rev: index + 1 }));
    expect(await rowsWritten(records)).toBe(3_000);
  });
});

describe("the history job", () => {
  it("writes what the shard holds, confirms it and is done with the message", async () => {
    const record = recordOf(freshUser(), { durationMs: 9_000, deviceId: "tv", event: "ended", rev: 7 });
    const { run, confirmed } = jobOver([record]);
    expect(await run([flushOf([record])])).toEqual(["done"]);
    expect(await stored(record.userId)).toEqual([record]);
    expect(confirmed).toEqual([{ userId: record.userId, kind: "video", itemId: "m1", rev: 7 }]);
  });

  it("does nothing for a message whose keys are pending no more", async () => {
    const { run, confirmed, failures } = jobOver([]);
    expect(await run([flushOf([recordOf(freshUser())])])).toEqual(["done"]);
    expect({ confirmed, failures }).toEqual({ confirmed: [], failures: [] });
  });

  it("sets a poison record aside with its reason and writes the others", async () => {
    const good = Array.from({ length: 40 }, (_, index) => recordOf(freshUser(), { rev: index + 1 }));
    const poison = recordOf(freshUser(), { positionMs: -1, rev: 41 });
    const records = [...good.slice(0, 17), poison, ...good.slice(17)];
    const { run, confirmed } = jobOver(records);
    expect(await run([flushOf(records)])).toEqual(["done"]);
    for (const record of good) expect(await stored(record.userId)).toEqual([record]);
    const { results } = await db.prepare("SELECT user_id, rev, reason FROM history_rejected").all();
    expect(results).toEqual([{ user_id: poison.userId, rev: 41, reason: expect.stringContaining("CHECK constraint failed") }]);
    expect(confirmed).toHaveLength(41);
  });

  it("asks for a message again if its shard or its database fails, and confirms nothing unwritten", async () => {
    const record = recordOf(freshUser());
    const broken = {
      upsert: async () => Promise.reject(new Error("D1 is away")),
      reject: async () => undefined,
      trim: async () => undefined,
    };
    const { run, confirmed, failures } = jobOver([record], { writers: [broken] });
    expect(await run([flushOf([record])])).toEqual(["again"]);
    expect(confirmed).toEqual([]);
    expect(failures).toEqual(["write database 0"]);
  });

  it("lets a broken database hold up only the shards that need it", async () => {
    const onGood = recordOf(freshUser());
    const onBroken = recordOf(freshUser());
    const broken = {
      upsert: async () => Promise.reject(new Error("D1 is away")),
      reject: async () => undefined,
      trim: async () => undefined,
    };
    const { run } = jobOver([], {
      writers: [d1HistoryWriter(db, now), broken],
      databaseOf: (userId) => (userId === onGood.userId ? 0 : 1),
      shards: {
        collect: async (shard) => (shard === 0 ? [onGood] : [onBroken]),
        confirm: async () => undefined,
        refill: async () => undefined,
      },
    });
    expect(await run([flushOf([onGood]), { ...flushOf([onBroken]), shard: 1 }])).toEqual(["done", "again"]);
    expect(await stored(onGood.userId)).toEqual([onGood]);
  });

  it("keeps the newest entries of a user and deletes the rest", async () => {
    const userId = freshUser();
    const records = Array.from({ length: 12 }, (_, index) => recordOf(userId, { itemId: `m${index}`, atMs: index, rev: index + 1 }));
    const { run } = jobOver(records, { entriesPerUserMax: 5, random: () => 0 });
    await run([flushOf(records)]);
    expect((await stored(userId)).map(({ itemId }) => itemId)).toEqual(["m11", "m10", "m9", "m8", "m7"]);
  });
});
