import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { HistoryRecord } from "../../src/history/biz/record.ts";
import { createSweep } from "../../src/history/biz/sweep.ts";
import { d1FailureLog, d1FailureSummary } from "../../src/history/data/d1-failure-log.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { oldLetters, oldRejected, oldUnreadable } from "../../src/history/data/d1-retention.ts";
import { proxiedD1 } from "../../testbed/databases/d1-proxy.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import { recordOf } from "../support/databases/history-records.ts";

const db = env.HISTORY_DB_0;
const other = env.HISTORY_DB_1;
const DAY_MS = 86_400_000;
const NOW_MS = 1_700_000_000_000;
const now = (): number => NOW_MS;

const summary = d1FailureSummary([db, other]);
const rowsIn = async (table: string): Promise<number> =>
  (await db.prepare(`SELECT count(*) AS n FROM ${table}`).first<number>("n")) ?? -1;
const reject = (record: HistoryRecord, atMs: number) => d1HistoryWriter(db, () => atMs).reject(record, "why");

/** Letters as the release before this one kept them. */
async function oldLettersWith(bodies: readonly unknown[]): Promise<void> {
  const insert = db.prepare("INSERT INTO dead_letter (id, body, attempts, received_at) VALUES (?, ?, 5, ?)");
  await db.batch(
    bodies.map((body, index) => insert.bind(`letter-${index}`, JSON.stringify(body), NOW_MS - index)),
  );
}

beforeEach(async () => {
  for (const table of ["failure_count", "unreadable_message", "history_rejected", "dead_letter"]) {
    await db.prepare(`DELETE FROM ${table}`).run();
    await other.prepare(`DELETE FROM ${table}`).run();
  }
});

describe("what goes wrong", () => {
  it("is counted by kind with the time of the last: one row a kind, however often", async () => {
    const { metered, rows } = meteredD1(db);
    for (const atMs of [NOW_MS, NOW_MS + 5, NOW_MS + 3]) {
      await d1FailureLog(metered, () => atMs).note({ counts: { dead_flush: 20, dead_refill: 1 } });
    }
    await d1FailureLog(metered, now).note({ counts: { refused_batch: 1 } });
    expect(rows()).toBe(7);
    expect(await summary()).toEqual({
      deadLetters: 63,
      rejected: 0,
      failures: [
        { kind: "dead_flush", total: 60, lastAt: NOW_MS + 5 },
        { kind: "dead_refill", total: 3, lastAt: NOW_MS + 5 },
        { kind: "refused_batch", total: 1, lastAt: NOW_MS },
      ],
    });
  });

  it("keeps the newest 1,000 outlines of unreadable messages and no more", async () => {
    for (let batch = 0; batch < 12; batch += 1) {
      const unreadable = Array.from({ length: 100 }, (_, index) => ({
        id: `m-${batch}-${index}`,
        outline: "null",
        attempts: 1,
      }));
      await d1FailureLog(db, () => NOW_MS + batch).note({ counts: { unreadable: 100 }, unreadable });
    }
    expect(await rowsIn("unreadable_message")).toBe(1_000);
    expect(
      await db.prepare("SELECT min(received_at) AS oldest FROM unreadable_message").first("oldest"),
    ).toBe(NOW_MS + 2);
    expect((await summary()).deadLetters).toBe(1_200);
  });

  it("brought twice is kept once", async () => {
    const unreadable = [{ id: "m-1", outline: "null", attempts: 1 }];
    for (let time = 0; time < 2; time += 1)
      await d1FailureLog(db, now).note({ counts: { unreadable: 1 }, unreadable });
    expect(await rowsIn("unreadable_message")).toBe(1);
  });
});

describe("retention", () => {
  it("deletes outlines after 30 days and rejected records after 90, and nothing younger", async () => {
    const unreadable = (id: string) => [{ id, outline: "null", attempts: 1 }];
    await d1FailureLog(db, () => NOW_MS - 30 * DAY_MS - 1).note({
      counts: {},
      unreadable: unreadable("old"),
    });
    await d1FailureLog(db, () => NOW_MS - 30 * DAY_MS).note({ counts: {}, unreadable: unreadable("young") });
    await reject(recordOf({ userId: "old" }), NOW_MS - 90 * DAY_MS - 1);
    await reject(recordOf({ userId: "young" }), NOW_MS - 90 * DAY_MS);
    const failures: unknown[] = [];
    const sweep = createSweep({
      wakeShards: async () => undefined,
      wakePullers: null,
      checkHotStore: async () => undefined,
      retentions: [oldUnreadable(db), oldRejected(db)],
      now,
      onFailure: (_what, error) => void failures.push(error),
    });
    await sweep(NOW_MS);
    expect(failures).toEqual([]);
    expect((await db.prepare("SELECT id FROM unreadable_message").all()).results).toEqual([{ id: "young" }]);
    expect((await db.prepare("SELECT user_id FROM history_rejected").all()).results).toEqual([
      { user_id: "young" },
    ]);
  });

  it("counts the letters of an earlier release by kind while it deletes them, all of them", async () => {
    await oldLettersWith([
      ...Array.from({ length: 230 }, (_, index) => ({
        type: "flush",
        shard: 0,
        users: [[`user-${index}`, ["video/m1"]]],
      })),
      { type: "refill", shard: 0, userId: "ada" },
      "nonsense",
    ]);
    expect((await summary()).deadLetters).toBe(232);
    const sweep = createSweep({
      wakeShards: async () => undefined,
      wakePullers: null,
      checkHotStore: async () => undefined,
      retentions: [oldLetters(db)],
      now,
      onFailure: (_what, error) => expect.unreachable(String(error)),
    });
    await sweep(NOW_MS);
    expect(await rowsIn("dead_letter")).toBe(0);
    const { deadLetters, failures } = await summary();
    expect(deadLetters).toBe(232);
    expect(failures).toEqual([
      { kind: "dead_flush", total: 230, lastAt: NOW_MS },
      { kind: "dead_refill", total: 1, lastAt: NOW_MS - 230 },
      { kind: "unreadable", total: 1, lastAt: NOW_MS - 231 },
    ]);
  });

  it("reads and writes a bounded number of rows a step, however many there are", async () => {
    await db
      .prepare(
        `INSERT INTO history_rejected (user_id, kind, item_id, rev, record, reason, rejected_at)
         SELECT 'user-' || value, 'video', 'm1', 1, '{}', 'why', ?1 + value FROM json_each(?2)`,
      )
      .bind(NOW_MS - 80 * DAY_MS, JSON.stringify(Array.from({ length: 20_000 }, (_, index) => index)))
      .run();
    for (let index = 0; index < 3; index += 1) await reject(recordOf({ userId: `old-${index}` }), 1);
    await oldLettersWith(Array.from({ length: 500 }, () => ({ type: "flush" })));
    const read: number[] = [];
    const watched = proxiedD1(db, async (ask) => {
      const results = await ask();
      read.push(...results.map(({ meta }) => meta.rows_read));
      return results;
    });
    expect(await oldRejected(watched).prune(NOW_MS)).toBe(false);
    expect(await oldLetters(watched).prune(NOW_MS)).toBe(true);
    expect(await rowsIn("history_rejected")).toBe(20_000);
    expect(await rowsIn("dead_letter")).toBe(400);
    expect(read).toHaveLength(3);
    for (const rows of read) expect(rows).toBeLessThanOrEqual(500);
  });
});
