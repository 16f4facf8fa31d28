import { runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import { Erasure, HistoryMapping, Operations, Playback } from "../../src/history/worker.ts";
import { testGarbageCalls } from "../support/workers/garbage-calls.ts";

const remotes = exports as unknown as Readonly<Record<string, object>>;
const remote = (name: string) => (): object => remotes[name] ?? {};
const ctx: CallContext = {
  requestId: "a-request",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  remainingMs: 5_000,
  principal: { userId: "ada", sessionId: "a-session", roles: ["admin"] },
};
const REPORT = { kind: "video", itemId: "m1", positionMs: 1, event: "playing" };
const ITEM = { kind: "video", itemId: "m1" };

/** What the databases hold and what is pending, but for what good calls have left there. */
async function world(): Promise<string> {
  const dumps = await env.HISTORY_DB_0.batch(
    ["history", "history_user", "history_rejected"].map((table) =>
      env.HISTORY_DB_0.prepare(`SELECT * FROM ${table}`),
    ),
  );
  const pending = [0, 1, 2, 3].map(
    async (shard) => (await env.SHARD.getByName(`shard-${shard}`).status()).pending,
  );
  return JSON.stringify([dumps.map(({ results }) => results), await Promise.all(pending)]);
}

describe("what is asked of history", () => {
  testGarbageCalls({
    name: "Playback",
    entrypoint: Playback,
    remote: remote("Playback"),
    world,
    calls: {
      report: { ctx, reports: [REPORT] },
      list: { ctx, query: { limit: 20, kind: "video" } },
      continueWatching: { ctx, limit: 20 },
      lookup: { ctx, items: [ITEM] },
      ready: { ctx },
    },
    bad: {
      "report reports": [
        [],
        Array.from({ length: 101 }, () => REPORT),
        [{ ...REPORT, positionMs: -1 }],
        [{ ...REPORT, positionMs: 0.5 }],
        [
          { ...REPORT, itemId: "a/b" },
          { ...REPORT, itemId: ".." },
        ],
        [{ ...REPORT, at: 1_700_000_000 }],
        [{ ...REPORT, event: "slept" }],
      ],
      "list query": [{ limit: 0 }, { limit: 101 }, { limit: 20, cursor: "?" }, { limit: 20, kind: "Video" }],
      "continueWatching limit": [0, 101, "20"],
      "lookup items": [
        [],
        [{ kind: "video" }],
        [{ kind: "video", itemId: "." }],
        Array.from({ length: 101 }, () => ITEM),
      ],
    },
  });

  testGarbageCalls({
    name: "Operations",
    entrypoint: Operations,
    remote: remote("Operations"),
    world,
    calls: {
      overview: { ctx },
      rejected: { ctx, query: { limit: 20 } },
      redriveRejected: { ctx, order: { all: true, dryRun: true } },
      flush: { ctx },
    },
    bad: {
      "rejected query": [{ limit: 0 }, { limit: 101 }, { limit: 20, cursor: "?" }],
      "redriveRejected order": [
        { all: false },
        { items: [] },
        { all: true, items: [{ userId: "ada", kind: "video", itemId: "m1", rev: 1 }] },
      ],
    },
  });

  testGarbageCalls({
    name: "Erasure",
    entrypoint: Erasure,
    remote: remote("Erasure"),
    world,
    calls: { erase: { ctx, userId: "eve" } },
    bad: { "erase userId": ["", "x".repeat(65), "two words"] },
  });

  // The first answer is kept for good: garbage in it would be every shard's copy.
  const mapping = env.MAPPING.getByName("garbage");
  testGarbageCalls({
    name: "HistoryMapping",
    entrypoint: HistoryMapping,
    remote: () => mapping,
    world: () =>
      runInDurableObject(mapping, (_object, state) =>
        JSON.stringify(state.storage.kv.get("mapping") ?? null),
      ),
    calls: { current: { buckets: 7 } },
    bad: { "current buckets": [-1, 0.5, 2 ** 32, "7", null] },
  });
});
