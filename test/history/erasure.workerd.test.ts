import {
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryErasure, HistoryPlayback } from "../../src/contracts/history.ts";
import type { HistorySockets } from "../../src/contracts/realtime-rpc.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { newUserState } from "../../src/history/biz/user-state.ts";
import worker from "../../src/history/worker.ts";
import { recordOf } from "../support/databases/history-records.ts";
import { everyTable } from "./support/stores.ts";
import { plainPromises } from "../support/workers/plain-promises.ts";

/** docs/design/history.md */
const { STATEMENTS_DOC } = env as unknown as { readonly STATEMENTS_DOC: string };
const SHARDS = 4;
const databases = [env.HISTORY_DB_0, env.HISTORY_DB_1];
const ctx: CallContext = { requestId: "r", traceparent: "", remainingMs: 10_000, principal: null };
const erasure = plainPromises((exports as unknown as { Erasure: HistoryErasure }).Erasure);

/** Every column of every table of every database that holds `text`: `table.column`. */
async function placesOf(text: string): Promise<readonly string[]> {
  return placesIn(await everyTable(0), text);
}

async function placesIn(tables: Awaited<ReturnType<typeof everyTable>>, text: string) {
  const places: string[] = [];
  for (const { table, columnsWith } of tables)
    for (const column of await columnsWith(text)) places.push(`${table}.${column}`);
  return places;
}

/**
 * What docs/design/history.md says of each table: `store table`, and what is left of a user there.
 */
function whatErasureMustReach(): ReadonlyMap<string, string> {
  const [, rest = ""] = STATEMENTS_DOC.split("### What erasure must reach");
  const [section = ""] = rest.split("\n## ");
  const rows = section.matchAll(/^\| ([a-z ]+) \| `?([a-z0-9_-]+)`? \| ([^|]+) \|$/gm);
  return new Map(
    Array.from(rows, ([, store = "", table = "", left = ""]) => [`${store} ${table}`, left] as const).filter(
      ([place]) => place !== "store table",
    ),
  );
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

const playback = plainPromises((exports as unknown as { Playback: HistoryPlayback }).Playback);
const sockets = plainPromises((exports as unknown as { Sockets: HistorySockets }).Sockets);

describe("what erasure must reach", () => {
  it("is every table that a store has, and nowhere is the user afterwards but in the marks", async () => {
    const userId = crypto.randomUUID();
    const own: CallContext = { ...ctx, principal: { userId, sessionId: "s", roles: ["user"] } };
    const report = { kind: "video", positionMs: 60_000, event: "playing", at: Date.now() - 1_000 } as const;
    await playback.report(own, [
      { ...report, itemId: "m1" },
      { ...report, itemId: "m2", deviceId: "tv" },
    ]);
    await playback.mark(own, { kind: "video", itemId: "m1" }, { watched: true });
    await playback.remove(own, { kind: "video", itemId: "m2" });
    await playback.setSettings(own, { paused: true });
    await sockets.join(own, { comet: "shard-0", sockets: 1, version: 1 });
    const state = { ...newUserState(userId), paused: true, pausedFromMs: 5, settingsRev: 7 };
    for (const db of databases) {
      const writer = d1HistoryWriter(db, Date.now);
      await writer.writeStates([state]);
      await writer.upsert([recordOf({ userId })]);
      await writer.reject(recordOf({ userId, positionMs: -1 }), "why");
    }
    const tables = await everyTable(SHARDS);
    expect(new Set(tables.map(({ store, table }) => `${store} ${table}`))).toEqual(
      new Set(whatErasureMustReach().keys()),
    );
    expect(new Set(await placesIn(tables, userId))).toEqual(
      new Set([
        "history.user_id",
        "history_user.user_id",
        "history_rejected.user_id",
        "history_rejected.record",
        "log.payload",
        "user_state.user_id",
        "user_state.state",
        "listener.user_id",
      ]),
    );

    await erasure.erase(ctx, userId);
    const marked = Array.from(whatErasureMustReach()).filter(([, left]) => left === "the mark");
    expect(new Set(await placesIn(await everyTable(SHARDS), userId))).toEqual(
      new Set(marked.map(([place]) => `${place.split(" ").at(-1)}.user_id`)),
    );
    // What comes late finds nothing to change.
    for (const db of databases)
      await d1HistoryWriter(db, Date.now).writeStates([{ ...state, settingsRev: 9 }]);
    await bring("playhead-history-flush", [{ type: "flush", shard: 0, users: [], states: [userId] }]);
    await Promise.allSettled([
      playback.report(own, [{ ...report, itemId: "m3", at: Date.now() }]),
      playback.mark(own, { kind: "video", itemId: "m1" }, { watched: true }),
      playback.remove(own, { kind: "video", itemId: "m1" }),
      playback.setSettings(own, { paused: true }),
      playback.clear(own),
      playback.changes(own, { limit: 100 }),
    ]);
    expect(new Set(await placesIn(await everyTable(SHARDS), userId))).toEqual(
      new Set(marked.map(([place]) => `${place.split(" ").at(-1)}.user_id`)),
    );
    for (const db of databases)
      expect(
        await db.prepare("SELECT * FROM history_user WHERE user_id = ?").bind(userId).first(),
      ).toMatchObject({ erased: 1, paused: 0, paused_from: null, settings_rev: 0, forgotten_rev: 0 });
  });
});

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
