import {
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryErasure } from "../../src/contracts/history.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import worker from "../../src/history/worker.ts";
import { recordOf } from "../support/databases/history-records.ts";
import { plainPromises } from "../support/workers/plain-promises.ts";

const databases = [env.HISTORY_DB_0, env.HISTORY_DB_1];
const ctx: CallContext = { requestId: "r", traceparent: "", remainingMs: 10_000, principal: null };
const erasure = plainPromises((exports as unknown as { Erasure: HistoryErasure }).Erasure);

/** Every cell of every table of every database that holds `text`: `table.column`. */
async function placesOf(text: string): Promise<readonly string[]> {
  const places: string[] = [];
  for (const db of databases) {
    const tables = await db
      .prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
      )
      .all<{ name: string }>();
    expect(tables.results.length).toBeGreaterThanOrEqual(7);
    for (const { name: table } of tables.results) {
      const { results: columns } = await db
        .prepare("SELECT name FROM pragma_table_info(?)")
        .bind(table)
        .all<{ name: string }>();
      for (const { name: column } of columns) {
        const found = await db
          .prepare(`SELECT count(*) AS n FROM "${table}" WHERE instr(CAST("${column}" AS TEXT), ?) > 0`)
          .bind(text)
          .first<number>("n");
        if (found !== 0) places.push(`${table}.${column}`);
      }
    }
  }
  return places;
}

async function bring(queue: string, bodies: readonly unknown[]): Promise<void> {
  const messages = bodies.map((body, index) => ({
    id: crypto.randomUUID(),
    timestamp: new Date(),
    attempts: index + 1,
    body,
  }));
  await worker.queue(createMessageBatch(queue, messages), env);
}

async function sweep(): Promise<void> {
  const execution = createExecutionContext();
  await worker.scheduled(createScheduledController(), env);
  await waitOnExecutionContext(execution);
}

describe("an erased user", () => {
  it("is found in no table of any database, but for the mark that refuses them, whatever comes late", async () => {
    const userId = crypto.randomUUID();
    const flush = { type: "flush", shard: 0, users: [[userId, ["video/m1"]]] };
    const record = recordOf({ userId });
    const poison = recordOf({ userId, itemId: "m2", positionMs: -1 });
    for (const db of databases) {
      const writer = d1HistoryWriter(db, Date.now);
      await writer.upsert([record]);
      await writer.reject(poison, "why");
    }
    expect(new Set(await placesOf(userId))).toEqual(
      new Set(["history.user_id", "history_rejected.user_id", "history_rejected.record"]),
    );

    await erasure.erase(ctx, userId);
    const mark = ["history_user.user_id", "history_user.user_id"];
    expect(await placesOf(userId)).toEqual(mark);

    // What was on its way: writes, refusals, messages, dead ones, and ones that nobody can read.
    for (const db of databases) {
      const writer = d1HistoryWriter(db, Date.now);
      await writer.upsert([{ ...record, atMs: record.atMs + 1, rev: record.rev + 1 }]);
      await writer.reject({ ...poison, rev: poison.rev + 1 }, "why");
    }
    await bring("playhead-history-flush", [
      flush,
      { type: "flush", shard: 0, users: [[`${userId} `, ["x"]]] },
      { type: "odd", [userId]: userId },
    ]);
    await bring("playhead-history-flush-dead", [
      flush,
      { type: "refill", shard: 0, userId },
      { [userId]: [userId] },
      userId,
    ]);
    expect(await placesOf(userId)).toEqual(mark);
    expect(
      await env.HISTORY_DB_0.prepare(
        "SELECT paused, cleared_before, erased, rev FROM history_user WHERE user_id = ?",
      )
        .bind(userId)
        .first(),
    ).toEqual({
      paused: 0,
      cleared_before: -1,
      erased: 1,
      rev: 0,
    });
  });

  it("is not said to be erased before the letters of an earlier release are gone, and each attempt deletes some", async () => {
    const userId = crypto.randomUUID();
    const letters = Array.from({ length: 2_500 }, (_, index) => [
      `letter-${index}`,
      JSON.stringify({ type: "flush", users: [[userId, []]] }),
    ]);
    await env.HISTORY_DB_0.prepare(
      "INSERT INTO dead_letter (id, body, attempts, received_at) SELECT value ->> 0, value ->> 1, 5, 0 FROM json_each(?)",
    )
      .bind(JSON.stringify(letters))
      .run();
    await expect(erasure.erase(ctx, userId)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await placesOf(userId)).toContain("dead_letter.body");
    await expect(erasure.erase(ctx, userId)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await erasure.erase(ctx, userId);
    expect(new Set(await placesOf(userId))).toEqual(new Set(["history_user.user_id"]));
  });

  it("has no late letter of an earlier release for longer than the next sweep", async () => {
    const userId = crypto.randomUUID();
    await erasure.erase(ctx, userId);
    await env.HISTORY_DB_0.prepare(
      "INSERT INTO dead_letter (id, body, attempts, received_at) VALUES ('late', ?, 5, 0)",
    )
      .bind(`["${userId}"]`)
      .run();
    await sweep();
    expect(new Set(await placesOf(userId))).toEqual(new Set(["history_user.user_id"]));
  });

  it("must be a user: anything else is refused before it reaches a shard", async () => {
    for (const odd of ["", "a b", "x".repeat(65), 7 as unknown as string])
      await expect(erasure.erase(ctx, odd)).rejects.toMatchObject({ code: "INVALID" });
  });
});
