import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SqliteShardSql } from "../../testbed/databases/sqlite-shard-sql.ts";
import { spreadEvenly } from "../../src/history/biz/bucket-map.ts";
import { LOG_FORMAT } from "../../src/history/biz/log-format.ts";
import { isSharedUpstream } from "../../src/contracts/durable.ts";
import { CALL_TIMEOUT_MS } from "../../src/platform/guard/call-timeouts.ts";
import { Erasure, HistoryPuller, HistoryShard, Operations, Playback } from "../../src/history/worker.ts";
import { KafkaStandIn } from "../support/kafka/kafka-stand-in.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import {
  historyBindings,
  hungD1,
  hungService,
  namespaceOf,
  never,
} from "../support/workers/hung-bindings.ts";
import { forgetGuards, guardsMade, opens } from "../support/workers/wired-guards.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

/** The object that keeps the mapping: one shard. */
const ONE_SHARD = {
  current: async () => ({
    version: 1,
    shards: 1,
    buckets: 0,
    map: spreadEvenly(["HISTORY_DB_0", "HISTORY_DB_1"]),
  }),
};

/** As much of an object's state as a shard uses. */
function stateOf(shard: number, name = `shard-${shard}`): DurableObjectState {
  const storage = {
    sql: new SqliteShardSql(),
    kv: { get: (key: string) => ({ shard, format: LOG_FORMAT })[key], put: () => undefined },
    getAlarm: async () => null,
    setAlarm: async () => undefined,
    transactionSync: (work: () => unknown) => work(),
  };
  return {
    id: { name },
    storage,
    blockConcurrencyWhile: (work: () => Promise<unknown>) => work(),
  } as unknown as DurableObjectState;
}

/**
 * The history worker as it is deployed, all of whose upstreams hang but for the mapping: its
 * entrypoints, and its shards.
 */
function history(mapping: object = ONE_SHARD, more: object = {}) {
  const env = {
    ...historyBindings(),
    SHARD: namespaceOf(hungService()),
    MAPPING: namespaceOf(mapping),
    HISTORY_DB_0: hungD1(),
    HISTORY_DB_1: hungD1(),
    FLUSH_QUEUE: hungService(),
    COMET: namespaceOf(hungService()),
    PULLER: namespaceOf(hungService()),
    ...more,
  } as unknown as HistoryEnv;
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  return {
    puller: new HistoryPuller(stateOf(0, "main-0"), env),
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
  /** What Kafka answers, where it is the bus; hangs if absent. */
  readonly kafka?: typeof fetch;
  /** What the worker is told beside its defaults. */
  readonly env?: object;
}

const OVER_KAFKA = {
  HISTORY_BUS: "kafka",
  UPSTASH_KAFKA_REST_URL: "https://kafka.example",
  UPSTASH_KAFKA_REST_USERNAME: "user",
  UPSTASH_KAFKA_REST_PASSWORD: "password",
};

const REPORT = { kind: "video", itemId: "m1", positionMs: 1, event: "playing" } as const;

/** Reads of so many users that either database has its share. */
const coldUsers: Row = {
  what: "users who are not in memory",
  call: async ({ shard }, index) => (await shard(index)).list(`user-${index}`, { limit: 20 }),
  driving: { atOnce: 80 },
};

const flushes: Row = {
  what: "flushes",
  call: async ({ shard }, index) => {
    const one = await shard(index);
    await one.report("ada", [REPORT]);
    await one.flush();
  },
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
  "history-queue": [flushes],
  "history-redis-a": [
    {
      what: "reports whose values go there",
      call: async ({ shard }, index, ms) => {
        const one = await shard(index);
        await one.report("ada", [REPORT], 0, undefined, ms);
      },
      env: {
        HOT_STORE: "redis",
        UPSTASH_REDIS_REST_URL: "a=https://redis.invalid",
        UPSTASH_REDIS_REST_TOKEN: "a=token",
      },
    },
  ],
  "history-comet": [
    {
      what: "news",
      // Nobody waits for one: what is told is told again by whoever comes next.
      call: async ({ shard }, index) => {
        const one = await shard(index);
        await one.join(`shard-${index}`, { userId: "ada", sockets: 2, version: 1 }, null);
        await one.report("ada", [REPORT]);
        await new Promise((resolve) => setTimeout(resolve, 2 * CALL_TIMEOUT_MS.comet));
      },
    },
  ],
};

/** The same where Kafka is the bus, which is in the place of the queue. */
const ROWS_OVER_KAFKA: Readonly<Record<string, readonly Row[]>> = {
  "history-kafka": [
    flushes,
    { what: "a puller's alarm", call: ({ puller }) => puller.alarm(), driving: { atOnce: 8, rounds: 4 } },
    { what: "a puller's status", call: ({ puller }) => puller.status() },
  ],
  "history-puller": [
    {
      ...flushes,
      what: "flushes, which are sent all the same",
      kafka: new KafkaStandIn({ topics: { "playhead-history-flush": 1 } }).fetch,
    },
  ],
};
const EACH = Object.entries(ROWS).flatMap(([upstream, rows]) =>
  rows.map((row) => [upstream, row.what, row] as const),
);

beforeEach(() => {
  vi.stubGlobal("fetch", () => new Promise(() => undefined));
  vi.clearAllTimers();
  forgetGuards();
});
afterEach(() => void vi.unstubAllGlobals());

describe("in a second cell", () => {
  it("every upstream has a guard of its own, named after the cell, and main's keep their names", async () => {
    const { playback, operations } = history(ONE_SHARD, {
      CELLS: "main,us:enam",
      HISTORY_DB_US_0: hungD1(),
      FLUSH_QUEUE_US: hungService(),
    });
    const us = contextOf(CALL_TIMEOUT_MS.rpc);
    const principal = { userId: "ada", sessionId: "s", roles: [], cell: "us" } as const;
    void operations.overview(contextOf(CALL_TIMEOUT_MS.operatorRpc)).catch(() => undefined);
    void playback.list({ ...us, principal }, { limit: 20 }).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(CALL_TIMEOUT_MS.operatorRpc);
    const ofMain = ["comet", "db-0", "db-1", "mapping", "queue", "shard"].map((what) => `history-${what}`);
    const ofUs = ["comet", "db-0", "mapping", "queue", "shard"].map((what) => `history-us-${what}`);
    expect(guardsMade()).toEqual([...ofMain, ...ofUs].toSorted());
    for (const name of ["history-us-db-0", "history-us-queue", "history-db-7"])
      expect(isSharedUpstream(name)).toBe(true);
    for (const name of ["history-us-shard-1", "history-shard-1", "history-us-mapping", "history-US-queue"])
      expect(isSharedUpstream(name)).toBe(false);
    const shared = [...ofMain, ...ofUs].filter(isSharedUpstream);
    const shown = await operations.upstreams(contextOf(CALL_TIMEOUT_MS.rpc));
    expect(shown.toSorted()).toEqual(shared.toSorted());
  });
});

describe("in history", () => {
  it.each(EACH)(
    "%s that hangs is left alone: %s",
    async (upstream, _what, { call, driving, hungMapping = false, env }) => {
      const one = history(hungMapping ? hungService() : ONE_SHARD, env);
      expect(await opens(upstream, (index) => call(one, index), driving)).toBe(true);
      // Guards are made when they are needed, so here each row says which it made.
      expect(Object.keys(ROWS)).toEqual(expect.arrayContaining([...guardsMade()]));
    },
  );

  it.each(
    Object.entries(ROWS_OVER_KAFKA).flatMap(([upstream, rows]) =>
      rows.map((row) => [upstream, row.what, row] as const),
    ),
  )("%s that hangs is left alone over Kafka: %s", async (upstream, _what, { call, driving, kafka }) => {
    vi.stubGlobal("fetch", kafka ?? (() => never));
    const one = history(ONE_SHARD, OVER_KAFKA);
    expect(await opens(upstream, (index) => call(one, index), driving)).toBe(true);
    const known = [...Object.keys(ROWS), ...Object.keys(ROWS_OVER_KAFKA)];
    expect(known).toEqual(expect.arrayContaining([...guardsMade()]));
    expect(guardsMade()).not.toContain("history-queue");
  });

  it("operators see the rest while Kafka hangs, in their time", async () => {
    vi.stubGlobal("fetch", () => never);
    const shard = { ...hungService(), status: async () => ({ shard: 0 }) };
    const { operations } = history(ONE_SHARD, { ...OVER_KAFKA, SHARD: namespaceOf(shard) });
    const overview = operations.overview(contextOf(CALL_TIMEOUT_MS.operatorRpc));
    for (let step = 0; step < CALL_TIMEOUT_MS.operatorRpc; step += 100)
      await vi.advanceTimersByTimeAsync(100);
    expect(await overview).toMatchObject({ shards: [{ shard: 0 }], bus: null });
  });

  it("operators see what a puller knows by itself while Kafka tells nothing but its topics", async () => {
    const kafka = new KafkaStandIn({ topics: { "playhead-history-flush": 1 } });
    const asked: typeof fetch = (input, init) =>
      new URL(new Request(input).url).pathname === "/topics" ? kafka.fetch(input, init) : never;
    vi.stubGlobal("fetch", asked);
    const shard = { ...hungService(), status: async () => ({ shard: 0 }) };
    const ready = { ...OVER_KAFKA, SHARD: namespaceOf(shard) };
    const { puller } = history(ONE_SHARD, ready);
    const { operations } = history(ONE_SHARD, { ...ready, PULLER: namespaceOf(puller) });
    const overview = operations.overview(contextOf(CALL_TIMEOUT_MS.operatorRpc));
    for (let step = 0; step < CALL_TIMEOUT_MS.operatorRpc; step += 100)
      await vi.advanceTimersByTimeAsync(100);
    expect(await overview).toMatchObject({ bus: [{ partition: 0, lag: null, late: 0 }] });
  });

  const hurried = EACH.filter(([, what]) => what === "reports" || what === "reads");

  it("both what is reported and what is read has a row, for the clients in a hurry below", () => {
    expect(new Set(hurried.map(([, what]) => what)).size).toBe(2);
  });

  it.each(hurried)(
    "%s is not taken for ill by clients in a hurry: %s",
    async (upstream, _what, { call, env }) => {
      const one = history(ONE_SHARD, env);
      expect(await opens(upstream, (index) => call(one, index, 130))).toBe(false);
    },
  );
});
