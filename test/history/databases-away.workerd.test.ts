import { getTableConfig } from "drizzle-orm/sqlite-core";
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryOperations, HistoryPlayback, Report } from "../../src/contracts/history.ts";
import * as schema from "../../src/history/data/schema.ts";

/** Every query fails from before the first start on, as it does where a database is away. */
beforeAll(async () => {
  for (const db of [env.HISTORY_DB_0, env.HISTORY_DB_1])
    for (const { name } of Object.values(schema).map((table) => getTableConfig(table)))
      await db.prepare(`DROP TABLE ${name}`).run();
});

const operations = (exports as unknown as { readonly Operations: HistoryOperations }).Operations;
const playback = (exports as unknown as { readonly Playback: HistoryPlayback }).Playback;
const contextOf = (userId: string): CallContext => ({
  requestId: "a-request",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  remainingMs: 5_000,
  principal: { userId, sessionId: "a-session", roles: ["user"] },
});
const heartbeat = (itemId: string, positionMs: number): Report => ({
  kind: "video",
  itemId,
  positionMs,
  event: "playing",
});

describe("history without any database", () => {
  it("takes reports of everybody and shows them their own, marked as degraded", async () => {
    for (let user = 0; user < 24; user += 1) {
      const ctx = contextOf(`user-${user}`);
      expect(await playback.report(ctx, [heartbeat("film", user), heartbeat("series", 1)])).toMatchObject({
        accepted: 2,
        ignored: 0,
      });
      const { items, degraded } = await playback.list(ctx, { limit: 10 });
      expect(items.map(({ itemId, positionMs }) => [itemId, positionMs])).toEqual([
        ["series", 1],
        ["film", user],
      ]);
      expect(degraded).toBe(true);
    }
  });

  it("is ready, since what it needs to be is there", async () => {
    await expect(playback.ready(contextOf("nobody"))).resolves.toBeUndefined();
  });

  it("tells operators what it knows, and that it does not know what the databases would say", async () => {
    const overview = await operations.overview(contextOf("op"));
    expect(overview).toMatchObject({ deadLetters: null, rejected: null, failures: null });
    expect(overview.shards.reduce((sum, { pending }) => sum + pending, 0)).toBeGreaterThan(0);
  });
});
