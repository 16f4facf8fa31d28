import { describe, expect, it, vi } from "vitest";
import { SqliteShardSql } from "../../testbed/databases/sqlite-shard-sql.ts";
import { spreadEvenly } from "../../src/history/biz/bucket-map.ts";
import { Placement } from "../../src/history/biz/placement.ts";
import worker, {
  Erasure,
  HistoryMapping,
  HistoryShard,
  Operations,
  Playback,
} from "../../src/history/worker.ts";
import { migrationsOf } from "../support/databases/migrations.ts";
import { sqliteD1 } from "../support/databases/sqlite-d1.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { historyBindings } from "../support/workers/hung-bindings.ts";

vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);

const CTX = { waitUntil: () => undefined } as unknown as ExecutionContext;
const TIME_MS = 5_000;
const USERS = Array.from({ length: 60 }, (_, user) => `user-${user}`);
/** What is bound at the first start: numbers may be missing between others. */
const NUMBERS = [0, 1, 4] as const;
const nameOf = (number: number): string => `HISTORY_DB_${number}`;

type Make = new (state: DurableObjectState, env: HistoryEnv) => object;

/** Objects of a class as they are deployed; what they keep outlives them. */
function objectsOver(make: Make, stored: Map<string, object>, env: () => HistoryEnv): object {
  const live = new Map<string, object>();
  const get = ({ name }: { readonly name: string }): object => {
    const known = live.get(name);
    if (known !== undefined) return known;
    const storage = stored.get(name) ?? newStorage();
    stored.set(name, storage);
    const blockConcurrencyWhile = (work: () => Promise<unknown>): Promise<unknown> => work();
    const state = { id: { name }, storage, blockConcurrencyWhile } as unknown as DurableObjectState;
    const object = new make(state, env());
    live.set(name, object);
    return object;
  };
  return { idFromName: (name: string) => ({ name }), get };
}

function newStorage(): object {
  const kv = new Map<string, unknown>();
  return {
    sql: new SqliteShardSql(),
    kv: { get: (key: string) => kv.get(key), put: (key: string, value: unknown) => void kv.set(key, value) },
    getAlarm: async () => null,
    setAlarm: async () => undefined,
    transactionSync: (work: () => unknown) => work(),
  };
}

/** History over these databases, whose objects keep what they have from start to start. */
function platform() {
  const databases = new Map(NUMBERS.map((number) => [number as number, sqliteD1(migrationsOf("history"))]));
  const [shards, mappings] = [new Map<string, object>(), new Map<string, object>()];
  let sent: object[] = [];
  const start = async (numbers: readonly number[]) => {
    const env = {
      ...historyBindings(),
      HISTORY_SHARDS: "2",
      SHARD: objectsOver(HistoryShard, shards, () => env),
      MAPPING: objectsOver(HistoryMapping, mappings, () => env),
      FLUSH_QUEUE: {
        sendBatch: async (batch: readonly { body: object }[]) =>
          void sent.push(...batch.map(({ body }) => body)),
      },
      ...Object.fromEntries(numbers.map((number) => [nameOf(number), databases.get(number)])),
    } as unknown as HistoryEnv;
    // A shard is called when it has read its log.
    for (const shard of [0, 1]) env.SHARD.get(env.SHARD.idFromName(`shard-${shard}`));
    await Promise.resolve();
    const playback = new Playback(CTX, env);
    return {
      report: (userId: string, itemId: string) =>
        playback.report(contextOf(TIME_MS, userId), [
          { kind: "video", itemId, positionMs: 1, event: "playing" },
        ]),
      list: (userId: string) => playback.list(contextOf(TIME_MS, userId), { limit: 10 }),
      flush: () => new Operations(CTX, env).flush(contextOf(TIME_MS)),
      erase: (userId: string) => new Erasure(CTX, env).erase(contextOf(TIME_MS), userId),
      /** Runs the job on what was sent; how many messages come again. */
      async runJob(): Promise<number> {
        let again = 0;
        const messages = sent.map((body, index) => ({
          id: String(index),
          body,
          attempts: 1,
          ack: () => undefined,
          retry: () => void (again += 1),
        }));
        sent = [];
        await worker.queue({ queue: "playhead-history-flush", messages } as unknown as MessageBatch, env);
        return again;
      },
    };
  };
  const usersIn = async (number: number): Promise<readonly string[]> => {
    const db = databases.get(number) ?? sqliteD1("");
    const { results } = await db.prepare("SELECT DISTINCT user_id AS id FROM history").all<{ id: string }>();
    return results.map(({ id }) => id);
  };
  const add = (number: number): void => void databases.set(number, sqliteD1(migrationsOf("history")));
  return { start, usersIn, add };
}

describe("history over as many databases as are bound", () => {
  it(
    "has each user in one of them, and goes on so when one is added or missing",
    { timeout: 60_000 },
    async () => {
      const { databaseOf } = new Placement(spreadEvenly(NUMBERS.map(nameOf)));
      const { start, usersIn, add } = platform();
      const first = await start(NUMBERS);
      for (const userId of USERS) await first.report(userId, "m1");
      await first.flush();
      expect(await first.runJob()).toBe(0);
      for (const number of NUMBERS) {
        const there = USERS.filter((user) => databaseOf(user) === number);
        expect(there.length).toBeGreaterThan(5);
        expect((await usersIn(number)).toSorted()).toEqual(there.toSorted());
      }

      // Another is bound: nobody is looked for in it, and nobody is put there.
      add(2);
      const second = await start([0, 1, 2, 4]);
      for (const userId of USERS) {
        const { items, degraded } = await second.list(userId);
        expect([items.length, degraded]).toEqual([1, undefined]);
      }
      expect(await usersIn(2)).toEqual([]);

      // One is missing: its own users are shown what their shards have, and keep what they report.
      const third = await start([0, 2, 4]);
      for (const userId of USERS) {
        await third.report(userId, "m2");
        const { items, degraded } = await third.list(userId);
        const isThere = databaseOf(userId) !== 1;
        expect([items.length, degraded]).toEqual(isThere ? [2, undefined] : [1, true]);
      }
      await third.flush();
      expect(await third.runJob()).toBeGreaterThan(0);
      const [lost = "", kept = ""] = [1, 0].map((number) =>
        USERS.find((user) => databaseOf(user) === number),
      );
      await expect(third.erase(lost)).rejects.toThrow("HISTORY_DB_1 is not bound");
      await expect(third.erase(kept)).resolves.toBeUndefined();

      // It is back, and everything with it.
      const fourth = await start([0, 1, 2, 4]);
      await fourth.flush();
      expect(await fourth.runJob()).toBe(0);
      for (const userId of USERS) {
        const { items, degraded } = await fourth.list(userId);
        expect([items.length, degraded]).toEqual([userId === lost || userId === kept ? 0 : 2, undefined]);
      }
    },
  );
});
