import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createHistoryJob, type HistoryJobDeps } from "../../src/history/biz/history-job.ts";
import type { Failures } from "../../src/history/biz/ports.ts";
import type { QueueMessage } from "../../src/history/biz/flush-message.ts";
import { confirmationOfState, newUserState, type UserState } from "../../src/history/biz/user-state.ts";
import type { Confirmation, HistoryRecord } from "../../src/history/biz/record.ts";
import { d1HistoryReader } from "../../src/history/data/d1-history-reader.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { d1Erasure } from "../../src/history/data/d1-erasure.ts";
import { guardedD1 } from "../../src/platform/guard/guarded-d1.ts";
import { ENDLESS } from "../../src/platform/call/patience.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import { recordOf as dullRecord } from "../support/databases/history-records.ts";
import { DULL_WRITER, EMPTY_SHARDS, jobParts } from "./support/job-parts.ts";
import { testGuard } from "../support/workers/test-guard.ts";

const db = env.HISTORY_DB_0;
const now = (): number => 1_700_000_000_000;

let users = 0;
const freshUser = (): string => `user-${(users += 1)}`;

const recordOf = (userId: string, more: Partial<HistoryRecord> = {}): HistoryRecord =>
  dullRecord({ userId, atMs: 1_000, rev: 1, ...more });

const flushOf = (records: readonly HistoryRecord[]): QueueMessage => ({
  type: "flush",
  shard: 0,
  users: records.map(({ userId, kind, itemId }) => [userId, [`${kind}/${itemId}`]]),
});

/** A job over the real database and a shard that holds `records`. */
function jobOver(records: readonly HistoryRecord[], more: Partial<HistoryJobDeps> = {}) {
  const confirmed: Confirmation[] = [];
  const failures: string[] = [];
  const counted: Failures["counts"][] = [];
  const run = createHistoryJob(
    jobParts({
      shards: {
        ...EMPTY_SHARDS,
        collect: async () => records,
        confirm: async (_shard, confirmations) => void confirmed.push(...confirmations),
      },
      writers: [d1HistoryWriter(db, now)],
      onFailure: (what) => void failures.push(what),
      failures: { note: async ({ counts }) => void counted.push(counts) },
      now,
      ...more,
    }),
  );
  return { run, confirmed, failures, counted };
}

const stored = async (userId: string): Promise<readonly HistoryRecord[]> =>
  d1HistoryReader(() => db).newestOf(userId, 2_000);

/** Rows D1 says it wrote for an upsert of `records`. */
async function rowsWritten(records: readonly HistoryRecord[]): Promise<number> {
  const { metered, rows } = meteredD1(db);
  await d1HistoryWriter(metered, now).upsert(records);
  return rows();
}

/** The database, asked with JSON that can't be read: a bug of ours. */
const malformedOver = (database: D1Database): D1Database =>
  ({ prepare: () => database.prepare("SELECT * FROM json_each('{' || ?1)") }) as unknown as D1Database;

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

  it("keeps a known duration, adds one that comes late for a row, and nothing else of what is stale", async () => {
    const userId = freshUser();
    const newest = recordOf(userId, { atMs: 2_000, rev: 20, positionMs: 2, event: "paused", deviceId: "tv" });
    await rowsWritten([newest]);
    const late = recordOf(userId, { atMs: 1_000, rev: 30, durationMs: 9_000 });
    expect(await rowsWritten([late])).toBe(1);
    expect(await stored(userId)).toEqual([{ ...newest, durationMs: 9_000 }]);
    expect(await rowsWritten([late])).toBe(0);
    expect(await rowsWritten([recordOf(userId, { atMs: 1_500, rev: 31, durationMs: 8_000 })])).toBe(0);
    expect(await rowsWritten([{ ...newest, atMs: 3_000 }])).toBe(1);
    expect(await stored(userId)).toEqual([{ ...newest, atMs: 3_000, durationMs: 9_000 }]);
    await rowsWritten([{ ...newest, atMs: 4_000, durationMs: 0 }]);
    await rowsWritten([{ ...newest, atMs: 5_000, durationMs: 8_000 }]);
    expect(await stored(userId)).toEqual([{ ...newest, atMs: 5_000, durationMs: 8_000 }]);
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

  it("calls no fault of the data what is a fault of ours", async () => {
    const broken = (message: string): D1Database =>
      ({
        prepare: () => ({ bind: () => ({ run: async () => Promise.reject(new Error(message)) }) }),
      }) as unknown as D1Database;
    for (const [message, code] of [
      [
        "D1_ERROR: CHECK constraint failed: position_ms BETWEEN 0 AND 2147483647: SQLITE_CONSTRAINT",
        "INVALID",
      ],
      [
        "D1_ERROR: NOT NULL constraint failed: history.position_ms: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)",
        "INVALID",
      ],
      [
        "D1_ERROR: cannot store REAL value in INTEGER column history.rev: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_DATATYPE)",
        "INVALID",
      ],
      ["D1_ERROR: malformed JSON: SQLITE_ERROR", "INTERNAL"],
      ["D1_ERROR: string or blob too big: SQLITE_TOOBIG", "INTERNAL"],
      ["D1_ERROR: UNIQUE constraint failed: history.user_id: SQLITE_CONSTRAINT", "INTERNAL"],
      ["D1_ERROR: column index out of range: SQLITE_RANGE", "INTERNAL"],
      ["D1_ERROR: no such column: nope at offset 7: SQLITE_ERROR", "UNAVAILABLE"],
      ["D1_ERROR: Network connection lost.", "UNAVAILABLE"],
    ])
      await expect(
        d1HistoryWriter(broken(message ?? ""), now).upsert([recordOf(freshUser())]),
      ).rejects.toMatchObject({
        message: "write history records",
        code,
      });
  });

  it("says what the real database says of refused values, and of statements that are wrong", async () => {
    const writer = d1HistoryWriter(db, now);
    for (const wrong of [
      { positionMs: -1 },
      { positionMs: null },
      { positionMs: "x" },
      { atMs: 1.5 },
      { rev: 1e30 },
      { event: "slept" },
    ])
      await expect(
        writer.upsert([{ ...recordOf(freshUser()), ...wrong } as HistoryRecord]),
      ).rejects.toMatchObject({ code: "INVALID" });
    const malformed = malformedOver(db);
    await expect(d1HistoryWriter(malformed, now).upsert([recordOf(freshUser())])).rejects.toMatchObject({
      code: "INTERNAL",
    });
  });

  it("tells the same behind a guard, and neither opens the breaker of a database that is well", async () => {
    const guard = testGuard();
    const guarded = guardedD1(db, { guard, patience: () => ENDLESS });
    const malformed = malformedOver(guarded);
    for (let time = 0; time < 50; time += 1) {
      const poison = recordOf(freshUser(), { positionMs: -1 });
      await expect(d1HistoryWriter(guarded, now).upsert([poison])).rejects.toMatchObject({ code: "INVALID" });
      await expect(d1HistoryWriter(malformed, now).upsert([poison])).rejects.toMatchObject({
        code: "INTERNAL",
      });
    }
    const good = recordOf(freshUser());
    await d1HistoryWriter(guarded, now).upsert([good]);
    expect(await stored(good.userId)).toEqual([good]);
  });

  it("takes thousands of records in one statement", async () => {
    const userId = freshUser();
    const records = Array.from({ length: 3_000 }, (_, index) =>
      recordOf(userId, { itemId: `m${index}`, rev: index + 1 }),
    );
    expect(await rowsWritten(records)).toBe(3_000);
  });
});

describe("the history job", () => {
  it("writes what the shard holds, confirms it and is done with the message", async () => {
    const record = recordOf(freshUser(), { durationMs: 9_000, deviceId: "tv", event: "ended", rev: 7 });
    const { run, confirmed } = jobOver([record]);
    expect(await run([flushOf([record])])).toEqual(["done"]);
    expect(await stored(record.userId)).toEqual([record]);
    expect(confirmed).toEqual([
      { userId: record.userId, kind: "video", itemId: "m1", rev: 7, durationMs: 9_000 },
    ]);
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
    expect(results).toEqual([
      { user_id: poison.userId, rev: 41, reason: expect.stringContaining("CHECK constraint failed") },
    ]);
    expect(confirmed).toHaveLength(41);
  });

  /** Empty before each of the tests on what is set aside. */
  const rejectedRows = async (): Promise<readonly Record<string, unknown>[]> =>
    (await db.prepare("SELECT user_id, rev, reason FROM history_rejected ORDER BY rev").all()).results;

  /**
   * A run over 300 records of which `poisoned` are refused; what it confirmed, and what the
   * database has.
   */
  async function runPoisoned(poisoned: number) {
    await db.prepare("DELETE FROM history_rejected").run();
    const records = Array.from({ length: 300 }, (_, index) =>
      recordOf(freshUser(), {
        rev: index + 1,
        ...(index % 50 === 7 && index < 50 * poisoned ? { positionMs: -1 } : {}),
      }),
    );
    const job = jobOver(records);
    const outcome = await job.run([flushOf(records)]);
    const written: string[] = [];
    for (const { userId } of records) if ((await stored(userId)).length === 1) written.push(userId);
    const confirmed = job.confirmed.map(({ userId }) => userId).toSorted();
    return {
      ...job,
      outcome,
      written,
      confirmed,
      rejected: (await rejectedRows()).map((row) => String(row["user_id"])),
    };
  }

  it("sets five records of a batch aside", async () => {
    const { outcome, written, confirmed, rejected, failures, counted } = await runPoisoned(5);
    expect([outcome, written.length, rejected.length]).toEqual([["done"], 295, 5]);
    expect(confirmed).toEqual([...written, ...rejected].toSorted());
    expect({ failures, counted }).toEqual({ failures: [], counted: [] });
  });

  it("of six sets none aside: what is not written comes again, unconfirmed, and it is told and counted", async () => {
    const { outcome, written, confirmed, rejected, failures, counted } = await runPoisoned(6);
    expect([outcome, rejected]).toEqual([["again"], []]);
    expect(confirmed).toEqual(written.toSorted());
    expect(written.length).toBeGreaterThan(200);
    expect({ failures, counted }).toEqual({
      failures: ["write database 0"],
      counted: [{ refused_batch: 1 }],
    });
  });

  it("confirms none of thousands that a bug of ours has spoilt, and asks the database some dozens of times only", async () => {
    await db.prepare("DELETE FROM history_rejected").run();
    const userId = freshUser();
    const records = Array.from({ length: 6_000 }, (_, index) =>
      recordOf(userId, { itemId: `m${index}`, rev: index + 1, positionMs: -1 }),
    );
    let statements = 0;
    const writer = d1HistoryWriter(db, now);
    const counting = {
      ...writer,
      upsert: (part: readonly HistoryRecord[]) => ((statements += 1), writer.upsert(part)),
    };
    const { run, confirmed } = jobOver(records, { writers: [counting] });
    expect(await run([flushOf(records)])).toEqual(["again"]);
    expect({ confirmed, rejected: await rejectedRows() }).toEqual({ confirmed: [], rejected: [] });
    expect(statements).toBeLessThan(50);
  });

  it("takes what is no record for that record's fault: the others are written, it is set aside with its reason, without its values", async () => {
    await db.prepare("DELETE FROM history_rejected").run();
    const good = recordOf(freshUser(), { rev: 1 });
    const wrong = { ...recordOf(freshUser(), { rev: 2 }), positionMs: "secret" } as unknown as HistoryRecord;
    const { run, confirmed } = jobOver([wrong, good]);
    expect(await run([flushOf([good, wrong])])).toEqual(["done"]);
    expect(await stored(good.userId)).toEqual([good]);
    expect(await rejectedRows()).toEqual([
      { user_id: wrong.userId, rev: 2, reason: expect.stringContaining("positionMs") },
    ]);
    expect(JSON.stringify(await rejectedRows())).not.toContain("secret");
    expect(confirmed).toHaveLength(2);
  });

  it("leaves with its shard what can't even be named, tells it, and writes the others", async () => {
    await db.prepare("DELETE FROM history_rejected").run();
    const good = recordOf(freshUser());
    const nameless = [
      { ...recordOf("x"), userId: null },
      null,
      7,
      { ...recordOf(freshUser()), rev: -1 },
    ] as unknown as HistoryRecord[];
    const { run, confirmed, failures, counted } = jobOver([...nameless, good]);
    expect(await run([flushOf([good])])).toEqual(["again"]);
    expect(await stored(good.userId)).toEqual([good]);
    expect(confirmed.map(({ userId }) => userId)).toEqual([good.userId]);
    expect(await rejectedRows()).toEqual([]);
    expect({ failures, counted }).toEqual({
      failures: ["collect from shard 0"],
      counted: [{ bad_record: 4 }],
    });
  });

  it("fails a message whose shard answers no list, and writes what other shards have", async () => {
    const good = recordOf(freshUser());
    const { run } = jobOver([], {
      shards: {
        ...EMPTY_SHARDS,
        collect: async (shard) => (shard === 0 ? [good] : ("nonsense" as unknown as HistoryRecord[])),
      },
    });
    expect(await run([flushOf([good]), { ...flushOf([recordOf(freshUser())]), shard: 1 }])).toEqual([
      "done",
      "again",
    ]);
    expect(await stored(good.userId)).toEqual([good]);
  });

  it("confirms nothing that could not be set aside", async () => {
    const writer = d1HistoryWriter(db, now);
    await expect(
      writer.reject({ ...recordOf(freshUser()), kind: null } as unknown as HistoryRecord, "why"),
    ).rejects.toMatchObject({
      code: "INVALID",
    });
    const poison = recordOf(freshUser(), { positionMs: -1 });
    const { run, confirmed, failures } = jobOver([poison], {
      writers: [{ ...writer, reject: async () => Promise.reject(new Error("D1 is away")) }],
    });
    expect(await run([flushOf([poison])])).toEqual(["again"]);
    expect({ confirmed, failures }).toEqual({ confirmed: [], failures: ["write database 0"] });
  });

  it("sets nothing aside of a user who was erased after the database refused it", async () => {
    await db.prepare("DELETE FROM history_rejected").run();
    const poison = recordOf(freshUser(), { positionMs: -1 });
    const writer = d1HistoryWriter(db, now);
    const late: typeof writer.reject = async (record, reason) => {
      await d1Erasure(db)(record.userId);
      await writer.reject(record, reason);
    };
    const { run } = jobOver([poison], { writers: [{ ...writer, reject: late }] });
    expect(await run([flushOf([poison])])).toEqual(["done"]);
    expect(await rejectedRows()).toEqual([]);
  });

  it("holds up only who needs it where a user's database does not exist", async () => {
    const good = recordOf(freshUser());
    const lost = recordOf(freshUser());
    const { run, failures } = jobOver([], {
      databaseOf: (userId) => (userId === good.userId ? 0 : 7),
      shards: { ...EMPTY_SHARDS, collect: async (shard) => (shard === 0 ? [good] : [lost]) },
    });
    expect(await run([flushOf([good]), { ...flushOf([lost]), shard: 1 }])).toEqual(["done", "again"]);
    expect(failures).toEqual(["write database 7"]);
  });

  it("asks for a message again if its shard or its database fails, and confirms nothing unwritten", async () => {
    const record = recordOf(freshUser());
    const broken = { ...DULL_WRITER, upsert: async () => Promise.reject(new Error("D1 is away")) };
    const { run, confirmed, failures } = jobOver([record], { writers: [broken] });
    expect(await run([flushOf([record])])).toEqual(["again"]);
    expect(confirmed).toEqual([]);
    expect(failures).toEqual(["write database 0"]);
  });

  it("asks for a message again if its shard gives nothing, or does not hear what is safe", async () => {
    const record = recordOf(freshUser());
    const failing = async () => Promise.reject(new Error("the shard is away"));
    const shards = { ...EMPTY_SHARDS, collect: async () => [record] };
    const deaf = jobOver([], { shards: { ...shards, confirm: failing } });
    expect(await deaf.run([flushOf([record])])).toEqual(["again"]);
    expect(await stored(record.userId)).toEqual([record]);
    const dumb = jobOver([], { shards: { ...shards, collect: failing } });
    expect(await dumb.run([flushOf([record])])).toEqual(["again"]);
    expect([deaf.failures, dumb.failures]).toEqual([["confirm to shard 0"], ["collect from shard 0"]]);
  });

  it("lets a broken database hold up only the shards that need it", async () => {
    const onGood = recordOf(freshUser());
    const onBroken = recordOf(freshUser());
    const broken = { ...DULL_WRITER, upsert: async () => Promise.reject(new Error("D1 is away")) };
    const { run } = jobOver([], {
      writers: [d1HistoryWriter(db, now), broken],
      databaseOf: (userId) => (userId === onGood.userId ? 0 : 1),
      shards: { ...EMPTY_SHARDS, collect: async (shard) => (shard === 0 ? [onGood] : [onBroken]) },
    });
    expect(await run([flushOf([onGood]), { ...flushOf([onBroken]), shard: 1 }])).toEqual(["done", "again"]);
    expect(await stored(onGood.userId)).toEqual([onGood]);
  });

  it("has a user settled who has too much, and deletes what their state says then, and nothing else", async () => {
    const userId = freshUser();
    const records = Array.from({ length: 12 }, (_, index) =>
      recordOf(userId, { itemId: `m${index}`, atMs: index, rev: index + 1 }),
    );
    const states: UserState[] = [];
    const shards = {
      ...EMPTY_SHARDS,
      collect: async () => records,
      collectStates: async () => states,
      settle: async (_shard: number, settled: string) =>
        void states.push({ ...newUserState(settled), floor: { atMs: 6, rev: 7 }, floorRev: 20 }),
    };
    const { run } = jobOver([], { shards, entriesPerUserMax: 5, random: () => 0 });
    expect(await run([flushOf(records)])).toEqual(["done"]);
    expect(await stored(userId)).toHaveLength(12);
    expect(states.map((state) => state.userId)).toEqual([userId]);
    expect(await run([{ type: "flush", shard: 0, users: [], states: [userId] }])).toEqual(["done"]);
    expect((await stored(userId)).map(({ itemId }) => itemId)).toEqual(["m11", "m10", "m9", "m8", "m7"]);
  });

  it("settles nobody who has as much as is kept", async () => {
    const userId = freshUser();
    const records = Array.from({ length: 5 }, (_, index) =>
      recordOf(userId, { itemId: `m${index}`, atMs: index, rev: index + 1 }),
    );
    const settled: string[] = [];
    const shards = {
      ...EMPTY_SHARDS,
      collect: async () => records,
      settle: async (_shard: number, user: string) => void settled.push(user),
    };
    const { run } = jobOver([], { shards, entriesPerUserMax: 5, random: () => 0 });
    await run([flushOf(records)]);
    expect(settled).toEqual([]);
  });

  it("confirms a state that the database has, and brings nothing back that it says is cleared", async () => {
    const old = recordOf(freshUser(), { atMs: 5_000, rev: 5 });
    const { userId } = old;
    await rowsWritten([old]);
    const state = { ...newUserState(userId), cleared: { atMs: 6_000, rev: 60 } };
    const confirmed: unknown[] = [];
    const shards = {
      ...EMPTY_SHARDS,
      // A job that was stalled has collected it before the clear.
      collect: async () => [{ ...old, atMs: 5_500, rev: 6 }],
      collectStates: async () => [state],
      confirmStates: async (_shard: number, states: readonly unknown[]) => void confirmed.push(...states),
    };
    const { run } = jobOver([], { shards });
    const message = { type: "flush", shard: 0, users: [[userId, ["video/m1"]]], states: [userId] } as const;
    expect(await run([message])).toEqual(["done"]);
    expect(await stored(userId)).toEqual([]);
    expect(confirmed).toEqual([confirmationOfState(state)]);
    expect(await run([message])).toEqual(["done"]);
    expect(await stored(userId)).toEqual([]);
  });
});
