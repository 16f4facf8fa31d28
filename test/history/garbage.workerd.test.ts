import { runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import {
  Erasure,
  HistoryMapping,
  HistoryPuller,
  Operations,
  Playback,
  Sockets,
} from "../../src/history/worker.ts";
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
      mark: { ctx, item: ITEM, mark: { watched: true } },
      remove: { ctx, item: ITEM },
      clear: { ctx },
      settings: { ctx },
      setSettings: { ctx, settings: { paused: false } },
      changes: { ctx, query: { since: "z9", limit: 20 } },
      exportAll: { ctx },
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
        [{ ...REPORT, rawAt: 1_700_000_000 }],
        [{ ...REPORT, rawAt: "then" }],
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
      "mark item": [{ kind: "video" }, { kind: "video", itemId: ".." }, { kind: "Video", itemId: "m1" }],
      "mark mark": [
        { watched: "yes" },
        { dismissed: false },
        { at: 1_700_000_000_000 },
        { watched: true, at: 1_700_000_000 },
      ],
      "remove item": [{ itemId: "m1" }, { kind: "video", itemId: "a/b" }],
      "setSettings settings": [{ paused: 1 }, { paused: "true" }],
      "changes query": [
        { limit: 0 },
        { limit: 101 },
        { since: "z9" },
        { since: "A", limit: 1 },
        { since: 5, limit: 1 },
      ],
    },
  });

  testGarbageCalls({
    name: "Sockets",
    entrypoint: Sockets,
    remote: remote("Sockets"),
    world,
    calls: {
      mapping: { ctx, "cell?": "main" },
      join: { ctx, order: { comet: "shard-0", sockets: 1, version: 1, since: "z9", limit: 20 } },
      leave: {
        ctx,
        comet: "shard-0",
        listeners: [{ userId: "ada", sockets: 0, version: 2 }],
        "cell?": "main",
      },
      report: {
        ctx,
        comet: "shard-0",
        batch: [{ userId: "ada", socket: "phone", reports: [REPORT], others: false, version: 1 }],
        "cell?": "main",
      },
    },
    bad: {
      "mapping cell": ["", "US", "shard", "a-cell"],
      "join order": [
        { comet: "shard-0", sockets: 0, version: 1 },
        { comet: "shard-0", sockets: 1, version: -1 },
        { comet: "shard-0", sockets: 1, version: 1.5 },
        { comet: "../x", sockets: 1, version: 1 },
        { comet: "shard-0", sockets: 1, version: 1, since: "A" },
        { comet: "shard-0", sockets: 1, version: 1, limit: 101 },
      ],
      "leave comet": ["", "shard", "shard-01", "x".repeat(99)],
      "leave listeners": [
        [{ userId: "two words", sockets: 0, version: 1 }],
        [{ userId: "ada", sockets: -1, version: 1 }],
        Array.from({ length: 1_001 }, () => ({ userId: "ada", sockets: 0, version: 1 })),
      ],
      "leave cell": ["", "US", "shard"],
      "report comet": ["", "shard", "shard-01"],
      "report batch": [
        [],
        [{ userId: "", socket: "phone", reports: [REPORT], others: false, version: 1 }],
        [{ userId: "ada", socket: "", reports: [REPORT], others: false, version: 1 }],
        [{ userId: "ada", socket: "phone", reports: [], others: false, version: 1 }],
        [{ userId: "ada", socket: "phone", reports: [REPORT], version: 1 }],
        [{ userId: "ada", socket: "phone", reports: [REPORT], others: false, version: -1 }],
        Array.from({ length: 2 }, () => ({
          userId: "ada",
          socket: "phone",
          reports: Array.from({ length: 51 }, () => REPORT),
          others: false,
          version: 1,
        })),
      ],
      "report cell": ["", "US", "shard"],
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
      upstreams: { ctx },
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
    calls: { erase: { ctx, userId: "eve", "cell?": "main" } },
    bad: {
      "erase userId": ["", "x".repeat(65), "two words"],
      "erase cell": ["", "US", "shard", "a-cell"],
    },
  });

  // The first answer is kept for good: garbage in it would be every shard's copy.
  const mapping = env.MAPPING.getByName("main");
  testGarbageCalls({
    name: "HistoryMapping",
    entrypoint: HistoryMapping,
    remote: () => mapping,
    world: () =>
      runInDurableObject(mapping, (_object, state) =>
        JSON.stringify(state.storage.kv.get("mapping") ?? null),
      ),
    calls: { current: { buckets: 7, "takesMap?": true } },
    bad: { "current buckets": [-1, 0.5, 2 ** 32, "7", null], "current takesMap": ["yes", 1, null] },
  });

  const puller = env.PULLER.getByName("main-0");
  testGarbageCalls({
    name: "HistoryPuller",
    entrypoint: HistoryPuller,
    remote: () => puller,
    world: () =>
      runInDurableObject(puller, (_object, state) => JSON.stringify(state.storage.kv.get("place") ?? null)),
    calls: { wake: {}, status: {} },
    bad: {},
  });
});
