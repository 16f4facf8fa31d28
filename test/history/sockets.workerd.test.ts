import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryErasure, HistoryPlayback } from "../../src/contracts/history.ts";
import type { CometRpc, HistorySockets, UserNews } from "../../src/contracts/realtime-rpc.ts";

const { Sockets, Playback, Erasure } = exports as unknown as {
  readonly Sockets: HistorySockets;
  readonly Playback: HistoryPlayback;
  readonly Erasure: HistoryErasure;
};

const as = (userId: string): CallContext => ({
  requestId: "a-request",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  remainingMs: 5_000,
  principal: { userId, sessionId: "a-session", roles: ["user"] },
});
const beat = (itemId: string, positionMs: number) => ({
  kind: "video",
  itemId,
  positionMs,
  durationMs: 600_000,
  event: "playing" as const,
});
const item = (itemId: string) => ({ kind: "video", itemId });
const now = (): number => Date.now();

/** What a comet has heard of a user, as soon as it is so much. */
async function heard(comet: string, userId: string, count: number): Promise<readonly UserNews[]> {
  const stub = env.COMET.getByName(comet) as unknown as CometRpc & { heard(): Promise<readonly UserNews[]> };
  return vi.waitFor(
    async () => {
      const news = (await stub.heard()).filter((one) => one.userId === userId);
      expect(news).toHaveLength(count);
      return news;
    },
    { timeout: 10_000 },
  );
}

async function join(comet: string, userId: string, since?: string) {
  return Sockets.join(as(userId), {
    comet,
    sockets: 2,
    version: now(),
    ...(since !== undefined && { since }),
  });
}

/** The shard in which a user listens. */
async function shardOf(userId: string) {
  const { shards } = await Sockets.mapping(as(userId));
  for (let shard = 0; shard < shards; shard += 1) {
    const stub = env.SHARD.getByName(`shard-${shard}`);
    const rows = await runInDurableObject(stub, (_object, { storage }) =>
      storage.sql.exec("SELECT user_id FROM listener WHERE user_id = ?", userId).toArray(),
    );
    if (rows.length > 0) return stub;
  }
  throw new Error(`nobody listens to ${userId}`);
}

describe("whoever listens", () => {
  it("hears of reports by socket and by request, of what is done by hand, and that the account is gone", async () => {
    await join("shard-0", "ada");
    await Sockets.report(as("ada"), "shard-0", [
      { userId: "ada", socket: "phone", reports: [beat("m1", 1)], others: true, version: 2 },
    ]);
    await heard("shard-0", "ada", 1);
    await Playback.report(as("ada"), [beat("m2", 2)]);
    await heard("shard-0", "ada", 2);
    await Playback.remove(as("ada"), item("m1"));
    await heard("shard-0", "ada", 3);
    await Erasure.erase(as("ada"), "ada");
    const news = await heard("shard-0", "ada", 4);
    expect(news).toMatchObject([
      { changes: [{ entry: item("m1") }], except: "phone" },
      { changes: [{ entry: item("m2") }] },
      { changes: [{ removed: item("m1") }] },
      { erased: true },
    ]);
    await expect(join("shard-0", "ada")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("goes on from where the last news were, as they say", async () => {
    await join("shard-0", "bob");
    await Playback.report(as("bob"), [beat("m1", 1)]);
    const [news] = await heard("shard-0", "bob", 1);
    const since = news !== undefined && "cursor" in news ? news.cursor : "";
    await Playback.report(as("bob"), [beat("m2", 2)]);
    const { page } = await join("shard-0", "bob", since);
    expect(page).toMatchObject({ changes: [{ entry: item("m2") }], more: false });
  });

  it("is not forgotten by a shard that is evicted, which tells anew what it wrote last", async () => {
    await join("shard-0", "cy");
    await Playback.report(as("cy"), [beat("m1", 1)]);
    await heard("shard-0", "cy", 1);
    await evictDurableObject(await shardOf("cy"));
    await Playback.report(as("cy"), [beat("m2", 2)]);
    const news = await heard("shard-0", "cy", 3);
    expect(news.slice(1)).toMatchObject([
      { changes: [{ entry: item("m1") }] },
      { changes: [{ entry: item("m2") }] },
    ]);
  });

  it("hears nothing any more when it has left, and keeps no shard awake", async () => {
    await join("shard-0", "dee");
    await Playback.report(as("dee"), [beat("m1", 1)]);
    await heard("shard-0", "dee", 1);
    const shard = await shardOf("dee");
    const alarmOf = () => runInDurableObject(shard, (_object, { storage }) => storage.getAlarm());
    const alarmAtMs = await alarmOf();
    await Sockets.leave(as("dee"), "shard-0", [{ userId: "dee", sockets: 0, version: now() + 1_000 }]);
    await Playback.report(as("dee"), [beat("m1", 2)]);
    // Nothing but the flush.
    expect(await alarmOf()).toBe(alarmAtMs);
    await heard("shard-0", "dee", 1);
  });
});

describe("reports of many sockets", () => {
  it("are durable, and answered for each in order", async () => {
    const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const receipts = await Sockets.report(
      as("nobody"),
      "shard-0",
      users.map((userId, index) => ({
        userId,
        socket: `${userId}-s`,
        reports: index === 7 ? [{ ...beat("m1", 1), positionMs: -1 }] : [beat("m1", index)],
        others: false,
        version: 2,
      })),
    );
    for (const [index, receipt] of receipts.entries())
      expect(receipt).toMatchObject(
        index === 7 ? { failure: { code: "INVALID" } } : { receipt: { accepted: 1, ignored: 0 } },
      );
    const { items } = await Playback.list(as("user-19"), { limit: 5 });
    expect(items).toMatchObject([{ ...item("m1"), positionMs: 19 }]);
  });
});
