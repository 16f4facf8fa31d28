import { createExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryOperations, HistoryPlayback } from "../../src/contracts/history.ts";
import type { RejectedKey, RejectedQuery, RejectedRecord } from "../../src/contracts/rejected.ts";
import { bucketOf, BUCKETS } from "../../src/history/biz/buckets.ts";
import { Operators } from "../../src/history/biz/operators.ts";
import { redriveRejected } from "../../src/history/biz/redrive.ts";
import type { RejectedStore } from "../../src/history/biz/ports.ts";
import { listRejected } from "../../src/history/biz/rejected.ts";
import type { HistoryRecord } from "../../src/history/biz/record.ts";
import { onlyMain } from "./support/only-main.ts";
import { ShardDirectory } from "../../src/history/biz/shard-directory.ts";
import type { ShardRpc } from "../../src/history/biz/shard-rpc.ts";
import { d1Erasure } from "../../src/history/data/d1-erasure.ts";
import { d1HistoryReader } from "../../src/history/data/d1-history-reader.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { d1Rejected } from "../../src/history/data/d1-rejected.ts";
import { operationsEntrypoint } from "../../src/history/service/operations-entrypoint.ts";
import type { Logger } from "../../src/platform/logger.ts";
import { recordOf } from "../support/databases/history-records.ts";

const databases = [env.HISTORY_DB_0, env.HISTORY_DB_1] as const;
const NOW_MS = 1_700_000_000_000;
const stores = databases.map((db, database) => d1Rejected(db, () => NOW_MS, { cell: "main", database }));

let users = 0;
const freshUser = (): string => `user-${(users += 1)}`;
const keyOf = ({ userId, kind, itemId, rev }: HistoryRecord): RejectedKey => ({ userId, kind, itemId, rev });

async function setAside(
  record: HistoryRecord,
  { atMs = 1, database = 0 }: { atMs?: number; database?: 0 | 1 } = {},
): Promise<HistoryRecord> {
  await d1HistoryWriter(databases[database], () => atMs).reject(record, "the old reason");
  return record;
}

const stored = (userId: string) => d1HistoryReader(() => databases[0]).newestOf(userId, 10);

async function listed(): Promise<readonly RejectedRecord[]> {
  return (await listRejected(stores, { limit: 100 })).items;
}

beforeEach(async () => {
  for (const db of databases) await db.prepare("DELETE FROM history_rejected").run();
});

describe("records set aside", () => {
  it("are listed newest first, from all databases, page by page, without gaps or repeats", async () => {
    const expected: string[] = [];
    for (let index = 0; index < 25; index += 1) {
      // Several of one time, some of them in both databases.
      const atMs = 1_000 + Math.floor(index / 5);
      await setAside(recordOf({ userId: "ada", itemId: `m${index}` }), {
        atMs,
        database: index % 2 === 0 ? 0 : 1,
      });
      expected.push(`m${index}`);
    }
    for (const database of [0, 1] as const)
      await setAside(recordOf({ userId: "both" }), { atMs: 1_002, database });
    for (const limit of [1, 2, 7, 100]) {
      const seen: RejectedRecord[] = [];
      let query: RejectedQuery = { limit };
      for (;;) {
        const { items, nextCursor } = await listRejected(stores, query);
        expect(items.length).toBeLessThanOrEqual(limit);
        seen.push(...items);
        if (nextCursor === undefined) break;
        expect(nextCursor).toMatch(/^[A-Za-z0-9_-]+$/);
        query = { limit, cursor: nextCursor };
      }
      expect(seen.map(({ at }) => at)).toEqual(seen.map(({ at }) => at).toSorted((a, b) => b - a));
      expect(
        seen
          .filter(({ userId }) => userId === "ada")
          .map(({ itemId }) => itemId)
          .sort(),
      ).toEqual(expected.toSorted());
      expect(seen.filter(({ userId }) => userId === "both").map(({ database }) => database)).toEqual([1, 0]);
    }
  });

  it("say what they are, where, when and why", async () => {
    const record = await setAside(recordOf({ userId: freshUser(), positionMs: -1 }), {
      atMs: 5,
      database: 1,
    });
    expect(await listed()).toEqual([
      { ...keyOf(record), database: 1, reason: "the old reason", at: 5, record },
    ]);
  });

  it("are not paged through by a cursor of somebody else's making", async () => {
    for (const cursor of ["nonsense", btoa("[1,2]"), btoa('["a","b","c","d","e","f"]')])
      await expect(listRejected(stores, { limit: 1, cursor })).rejects.toMatchObject({
        code: "INVALID",
        errors: [{ path: "cursor" }],
      });
  });
});

describe("a redrive", () => {
  it("writes what is taken now, and takes its row away", async () => {
    const record = await setAside(recordOf({ userId: freshUser() }));
    const other = await setAside(recordOf({ userId: freshUser() }));
    expect(await redriveRejected(stores, { items: [keyOf(record)] })).toEqual({
      redriven: [keyOf(record)],
      refused: [],
      more: false,
    });
    expect(await stored(record.userId)).toEqual([record]);
    expect((await listed()).map(({ userId }) => userId)).toEqual([other.userId]);
  });

  it("takes what the release before has set aside, which says nothing of marks and deletions", async () => {
    const record = recordOf({ userId: freshUser() });
    const { rawAtMs: _raw, watched: _watched, dismissed: _dismissed, deleted: _deleted, ...before } = record;
    await setAside(before as HistoryRecord);
    expect((await redriveRejected(stores, { all: true })).redriven).toEqual([keyOf(record)]);
    expect(await stored(record.userId)).toEqual([record]);
  });

  it("writes a deletion that was set aside as what it is", async () => {
    const record = await setAside(recordOf({ userId: freshUser(), deleted: true, rawAtMs: 5 }));
    await redriveRejected(stores, { all: true });
    expect(await stored(record.userId)).toEqual([record]);
  });

  it("never covers what is newer, and brings nobody back who is erased; their rows go", async () => {
    const stale = await setAside(recordOf({ userId: freshUser(), rev: 5 }));
    const newer = { ...stale, rev: 6, positionMs: 7 };
    await d1HistoryWriter(databases[0], Date.now).upsert([newer]);
    const erased = recordOf({ userId: freshUser() });
    await d1Erasure(databases[0])(erased.userId);
    // As the release before would have left it.
    await databases[0]
      .prepare("INSERT INTO history_rejected VALUES (?, ?, ?, ?, ?, 'why', 1)")
      .bind(erased.userId, erased.kind, erased.itemId, erased.rev, JSON.stringify(erased))
      .run();
    expect((await redriveRejected(stores, { all: true })).redriven).toHaveLength(2);
    expect([await stored(stale.userId), await stored(erased.userId), await listed()]).toEqual([
      [newer],
      [],
      [],
    ]);
  });

  it("leaves what is refused again with its new reason, and is done with the others", async () => {
    const poison = await setAside(recordOf({ userId: freshUser(), positionMs: -1 }));
    const odd = await setAside({
      ...recordOf({ userId: freshUser() }),
      positionMs: "x",
    } as unknown as HistoryRecord);
    const good = await setAside(recordOf({ userId: freshUser() }));
    const receipt = await redriveRejected(stores, { all: true });
    expect(receipt.redriven).toEqual([keyOf(good)]);
    expect(receipt.refused.map(({ userId }) => userId).sort()).toEqual([poison.userId, odd.userId].sort());
    const left = new Map((await listed()).map((row) => [row.userId, row]));
    expect(left.get(poison.userId)).toMatchObject({
      reason: expect.stringContaining("CHECK constraint failed"),
      at: NOW_MS,
      record: poison,
    });
    expect(left.get(odd.userId)).toMatchObject({ reason: expect.stringContaining("positionMs"), at: NOW_MS });
    expect(left.size).toBe(2);
    expect(await stored(poison.userId)).toEqual([]);
  });

  it("of all takes the oldest hundred, says that there are more, and the next takes others", async () => {
    for (let index = 0; index < 130; index += 1) {
      await setAside(recordOf({ userId: `many-${index}`, positionMs: -1 }), {
        atMs: 1_000 - index,
        database: index % 2 === 0 ? 0 : 1,
      });
    }
    const first = await redriveRejected(stores, { all: true });
    expect([first.redriven.length, first.refused.length, first.more]).toEqual([0, 100, true]);
    const second = await redriveRejected(stores, { all: true });
    const tried = new Set([...first.refused, ...second.refused].map(({ userId }) => userId));
    expect(tried.size).toBe(130);
  });

  it("that is a dry run says what it would try and changes nothing", async () => {
    const record = await setAside(recordOf({ userId: freshUser() }));
    const before = await listed();
    expect(await redriveRejected(stores, { all: true, dryRun: true })).toEqual({
      redriven: [keyOf(record)],
      refused: [],
      more: false,
    });
    expect(await listed()).toEqual(before);
    expect(await stored(record.userId)).toEqual([]);
  });

  it("passes over what is not there, and puts back nothing that an erasure has taken meanwhile", async () => {
    const poison = await setAside(recordOf({ userId: freshUser(), positionMs: -1 }));
    const [store = expect.unreachable()] = stores;
    const erasing: RejectedStore = {
      ...store,
      write: async (...given) => {
        await d1Erasure(databases[0])(poison.userId);
        await store.write(...given);
      },
    };
    await redriveRejected([erasing], { items: [keyOf(poison), keyOf(recordOf({ userId: "nobody" }))] });
    expect(await listed()).toEqual([]);
  });

  it("that a database breaks off leaves the rest for another, and fails where nothing is done", async () => {
    for (let index = 0; index < 3; index += 1) await setAside(recordOf({ userId: freshUser() }));
    const [store = expect.unreachable()] = stores;
    let writes = 0;
    const failing = (from: number): RejectedStore => ({
      ...store,
      write: (...given) =>
        (writes += 1) > from ? Promise.reject(new Error("D1 is away")) : store.write(...given),
    });
    await expect(redriveRejected([failing(0)], { all: true })).rejects.toThrow("redrive rejected records");
    writes = 0;
    expect(await redriveRejected([failing(1)], { all: true })).toMatchObject({
      redriven: [expect.anything()],
      refused: [],
      more: true,
    });
    expect(await listed()).toHaveLength(2);
  });
});

describe("operators", () => {
  const ctx = (userId: string | null): CallContext => ({
    requestId: "r-1",
    traceparent: "",
    remainingMs: 5_000,
    principal: userId === null ? null : { userId, sessionId: "s", roles: ["admin"] },
  });

  function operations(forgetView: () => Promise<null> = async () => null) {
    const lines: object[] = [];
    const told: string[] = [];
    const write = (event: string, fields?: object): void => void lines.push({ event, ...fields });
    const operators = new Operators({
      rejected: stores,
      flushWindowMs: 1,
      readFailures: () => Promise.reject(new Error("nobody asks")),
      readBus: null,
      cells: onlyMain({
        name: "main",
        directory: new ShardDirectory({ seedShards: 1, askMapping: async () => ({ version: 1, shards: 1 }) }),
        callShard: (_shard, _what, _how, call) =>
          call(
            {
              forgetView: (userId: string) => (told.push(userId), forgetView()),
            } as Partial<ShardRpc> as ShardRpc,
            1_000,
          ),
      }),
    });
    const logger = { info: write, warn: write } as Partial<Logger> as Logger;
    const Operations = operationsEntrypoint<typeof env>(() => ({
      now: Date.now,
      upstreams: [],
      operators,
      logger,
    }));
    return { service: new Operations(createExecutionContext(), env), lines, told };
  }

  it("are named in one line of the log for each redrive", async () => {
    const { service, lines, told } = operations();
    const { userId } = await setAside(recordOf({ userId: freshUser() }));
    await service.redriveRejected(ctx("admin-1"), { all: true });
    expect(lines).toEqual([
      {
        event: "rejected records redriven",
        requestId: "r-1",
        actor: "admin-1",
        which: "all",
        dryRun: false,
        redriven: 1,
        refused: 0,
      },
    ]);
    expect(told).toEqual([userId]);
  });

  it("are told of what is done, also where a shard can't be told of it", async () => {
    const { service, lines } = operations(() => Promise.reject(new Error("the shard is away")));
    await setAside(recordOf({ userId: freshUser() }));
    await expect(service.redriveRejected(ctx("admin-1"), { all: true })).resolves.toMatchObject({
      refused: [],
      more: false,
    });
    expect(lines.map((line) => (line as { event: string }).event)).toEqual([
      "view not forgotten",
      "rejected records redriven",
    ]);
  });

  it("show a user at once what they redrive, though the user's shard has looked already", async () => {
    const { Operations, Playback } = exports as unknown as {
      readonly Operations: HistoryOperations;
      readonly Playback: HistoryPlayback;
    };
    for (const userId of [freshUser(), freshUser(), freshUser(), freshUser()]) {
      expect((await Playback.list(ctx(userId), { limit: 10 })).items).toEqual([]);
      await setAside(recordOf({ userId }), { database: bucketOf(userId) < BUCKETS / 2 ? 0 : 1 });
      await Operations.redriveRejected(ctx("admin-1"), { all: true });
      expect((await Playback.list(ctx(userId), { limit: 10 })).items).toMatchObject([{ itemId: "m1" }]);
    }
  });

  it("must be somebody, and must say what is meant", async () => {
    const { service, lines } = operations();
    await expect(service.redriveRejected(ctx(null), { all: true })).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    for (const odd of [
      {},
      { all: true, items: [keyOf(recordOf())] },
      { items: [] },
      { items: [{ userId: "a" }] },
      null,
    ])
      await expect(service.redriveRejected(ctx("admin-1"), odd as object)).rejects.toMatchObject({
        code: "INVALID",
      });
    await expect(service.rejected(ctx("op"), { limit: 1_000 })).rejects.toMatchObject({ code: "INVALID" });
    expect(lines).toEqual([]);
  });
});
