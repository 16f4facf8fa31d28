import { beforeEach, describe, expect, it, vi } from "vitest";
import { SqliteShardSql } from "../../testbed/databases/sqlite-shard-sql.ts";
import { fingerprintOf, parseBucketRanges } from "../../src/history/biz/buckets.ts";
import { CALL_TIMEOUT_MS } from "../../src/platform/guard/call-timeouts.ts";
import { Erasure, HistoryShard, Operations, Playback } from "../../src/history/worker.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { guardBindings, hungD1, hungService, namespaceOf } from "../support/workers/hung-bindings.ts";
import { forgetGuards, guardsMade, opens } from "../support/workers/wired-guards.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) => {
  const kit = await original();
  return {
    ...kit,
    guardKit: (await import("../support/workers/wired-guards.ts")).recordingKit(kit.guardKit),
  };
});

const BUCKETS = "0-511=0,512-1023=1";

/** The object that keeps the mapping: one shard. */
const ONE_SHARD = {
  current: async () => ({ version: 1, shards: 1, buckets: fingerprintOf(parseBucketRanges(BUCKETS, 2)) }),
};

/** As much of an object's state as a shard uses. */
function stateOf(shard: number): DurableObjectState {
  const storage = {
    sql: new SqliteShardSql(),
    kv: { get: (key: string) => (key === "shard" ? shard : undefined), put: () => undefined },
    getAlarm: async () => null,
    setAlarm: async () => undefined,
    transactionSync: (work: () => unknown) => work(),
  };
  return {
    id: { name: `shard-${shard}` },
    storage,
    blockConcurrencyWhile: (work: () => Promise<unknown>) => work(),
  } as unknown as DurableObjectState;
}

/**
 * The history worker as it is deployed, all of whose upstreams hang but for the mapping: its
 * entrypoints, and its shards.
 */
function history(mapping: object = ONE_SHARD) {
  const env = {
    ...guardBindings(),
    FLUSH_WINDOW_MS: "300000",
    COMMIT_GROUP: "20",
    COMMIT_WAIT_MS_MAX: "250",
    HISTORY_SHARDS: "1",
    HISTORY_BUCKETS: BUCKETS,
    SHARD: namespaceOf(hungService()),
    MAPPING: namespaceOf(mapping),
    HISTORY_DB_0: hungD1(),
    HISTORY_DB_1: hungD1(),
    FLUSH_QUEUE: hungService(),
  } as unknown as HistoryEnv;
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  return {
    playback: new Playback(ctx, env),
    operations: new Operations(ctx, env),
    erasure: new Erasure(ctx, env),
    shard: async (number: number) => {
      const shard = new HistoryShard(stateOf(number), env);
      await Promise.resolve();
      await shard.wake();
      return shard;
    },
  };
}

type History = ReturnType<typeof history>;
interface Row {
  readonly what: string;
  readonly call: (of: History, index: number, ms?: number) => Promise<unknown>;
  readonly driving?: Parameters<typeof opens>[2];
  readonly hungMapping?: boolean;
}

const REPORT = { kind: "video", itemId: "m1", positionMs: 1, event: "playing" } as const;

/** Reads of so many users that either database has its share. */
const coldUsers: Row = {
  what: "users who are not in memory",
  call: async ({ shard }, index) => (await shard(index)).list(`user-${index}`, { limit: 20 }),
  driving: { atOnce: 80 },
};

/** For each upstream calls that need it, with the time that their caller grants. */
const ROWS: Readonly<Record<string, readonly Row[]>> = {
  "history-shard": [
    {
      what: "reports",
      call: ({ playback }, _index, ms = CALL_TIMEOUT_MS.reportRpc) =>
        playback.report(contextOf(ms), [REPORT]),
    },
    {
      what: "reads",
      call: ({ playback }, _index, ms = CALL_TIMEOUT_MS.rpc) => playback.list(contextOf(ms), { limit: 20 }),
    },
    {
      what: "readiness",
      call: ({ playback }, _index, ms = CALL_TIMEOUT_MS.rpc) => playback.ready(contextOf(ms)),
    },
    {
      what: "an operator's overview",
      call: ({ operations }, _index, ms = CALL_TIMEOUT_MS.operatorRpc) => operations.overview(contextOf(ms)),
    },
    {
      what: "an operator's flush",
      call: ({ operations }, _index, ms = CALL_TIMEOUT_MS.operatorRpc) => operations.flush(contextOf(ms)),
    },
    {
      what: "an erasure",
      call: ({ erasure }) => erasure.erase(contextOf(CALL_TIMEOUT_MS.erasureRpc), "ada"),
      driving: { stepMs: 1_000 },
    },
  ],
  "history-mapping": [
    {
      what: "an operator's flush",
      call: ({ operations }) => operations.flush(contextOf(CALL_TIMEOUT_MS.operatorRpc)),
      hungMapping: true,
    },
  ],
  "history-db-0": [coldUsers],
  "history-db-1": [coldUsers],
  "history-queue": [
    {
      what: "flushes",
      call: async ({ shard }, index) => {
        const one = await shard(index);
        await one.report("ada", [REPORT]);
        await one.flush();
      },
    },
  ],
};
const EACH = Object.entries(ROWS).flatMap(([upstream, rows]) =>
  rows.map((row) => [upstream, row.what, row] as const),
);

beforeEach(() => {
  vi.clearAllTimers();
  forgetGuards();
});

describe("in history", () => {
  it.each(EACH)(
    "%s that hangs is left alone: %s",
    async (upstream, _what, { call, driving, hungMapping = false }) => {
      const one = history(hungMapping ? hungService() : ONE_SHARD);
      expect(await opens(upstream, (index) => call(one, index), driving)).toBe(true);
      // Guards are made when they are needed, so here each row says which it made.
      expect(Object.keys(ROWS)).toEqual(expect.arrayContaining([...guardsMade()]));
    },
  );

  it.each(EACH.filter(([, what]) => what === "reports" || what === "reads"))(
    "%s is not taken for ill by clients in a hurry: %s",
    async (upstream, _what, { call }) => {
      const one = history();
      expect(await opens(upstream, (index) => call(one, index, 130))).toBe(false);
    },
  );
});
