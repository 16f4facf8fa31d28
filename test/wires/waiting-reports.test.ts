import { beforeEach, describe, expect, it, vi } from "vitest";
import { SqliteShardSql } from "../../testbed/databases/sqlite-shard-sql.ts";
import { wire as wireApp } from "../../src/bff/app/wire.ts";
import { wire as wireGateway } from "../../src/gateway/wire.ts";
import { spreadEvenly } from "../../src/history/biz/bucket-map.ts";
import { HistoryShard, Playback } from "../../src/history/worker.ts";
import { OVERLOAD_LIMITERS } from "../../src/resilience/overload/overload-limiters.ts";
import { accessToken, testKey } from "../support/workers/ed25519.ts";
import {
  guardBindings,
  historyBindings,
  hungD1,
  hungService,
  namespaceOf,
} from "../support/workers/hung-bindings.ts";
import { snapshotOf } from "../support/workers/test-gateway.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);

const CTX = { waitUntil: () => undefined } as unknown as ExecutionContext;
const gatewayKey = await testKey("gateway-1");
const identityKey = await testKey("identity-1");
const ALLOWED = { allowed: true, limit: 10_000, remaining: 9_999, resetMs: 60_000, retryAfterMs: 0 };
const WINDOW = {
  ask: async (asks: readonly unknown[]) => asks.map(() => ({ ...ALLOWED, granted: 0, holdMs: 0 })),
};

interface World {
  readonly shards: number;
  readonly overloadLimiter: string;
  /** What a shard takes for each call that reports to it, beside the wait for its commit, in ms. */
  slowMs: number;
}

/** Shards as they are deployed; what they keep is in SQLite. */
function shardsOver(env: () => HistoryEnv, world: World) {
  const shards = new Map<string, HistoryShard>();
  return (name: string): HistoryShard => {
    const known = shards.get(name);
    if (known !== undefined) return known;
    const storage = {
      sql: new SqliteShardSql(),
      kv: {
        get: (key: string) => (key === "shard" ? Number(name.split("-")[1]) : undefined),
        put: () => undefined,
      },
      getAlarm: async () => null,
      setAlarm: async () => undefined,
      transactionSync: (work: () => unknown) => work(),
    };
    const blockConcurrencyWhile = (work: () => Promise<unknown>): Promise<unknown> => work();
    const state = { id: { name }, storage, blockConcurrencyWhile };
    const shard = new HistoryShard(state as unknown as DurableObjectState, env());
    const report = shard.report.bind(shard);
    const reportMany = shard.reportMany.bind(shard);
    const slow = async (): Promise<void> => {
      if (world.slowMs > 0) await new Promise((resolve) => void setTimeout(resolve, world.slowMs));
    };
    shard.report = (...call) => slow().then(() => report(...call));
    shard.reportMany = (...call) => slow().then(() => reportMany(...call));
    shards.set(name, shard);
    return shard;
  };
}

function history(world: World) {
  const mapping = { version: 1, shards: world.shards, buckets: 0, map: spreadEvenly(["HISTORY_DB_0"]) };
  const shard = shardsOver(() => env, world);
  const env = {
    ...historyBindings(),
    HISTORY_SHARDS: String(world.shards),
    SHARD: {
      idFromName: (name: string) => ({ name }),
      get: ({ name }: { readonly name: string }) => shard(name),
    },
    MAPPING: namespaceOf({ current: async () => mapping }),
    HISTORY_DB_0: hungD1(),
    FLUSH_QUEUE: hungService(),
  } as unknown as HistoryEnv;
  return { playback: new Playback(CTX, env), shard };
}

/** Gateway, app BFF, history and its shards as they are deployed, in one thread. */
function platform(world: World) {
  const { kty, crv, x, d, kid } = { ...gatewayKey.privateJwk };
  const app = wireApp({
    ...guardBindings(),
    INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
    HISTORY: history(world).playback,
    IDENTITY: hungService(),
    WALLET: hungService(),
    SAVINGS: hungService(),
  } as unknown as AppBffEnv);
  return wireGateway({
    ...guardBindings(),
    CORS_ORIGINS: "",
    LOG_SAMPLE: "100",
    TEST_CONTINENT: "off",
    RATE_LIMIT_SCALE: "100",
    LIMIT_MODES: "",
    OVERLOAD_LIMITER: world.overloadLimiter,
    GATEWAY_SIGNING_KEY: JSON.stringify({ kty, crv, x, d, kid }),
    ACCOUNT_BFF: hungService(),
    APP_BFF: { fetch: (request: Request) => app(request, {}) },
    OPS_BFF: hungService(),
    REALTIME: hungService(),
    IDENTITY: { snapshot: async () => snapshotOf([identityKey.publicJwk]) },
    RATE_WINDOW: namespaceOf(WINDOW),
  } as unknown as GatewayEnv);
}

const USERS = 240;
const STEP_MS = 5;
const tokens = await Promise.all(
  Array.from({ length: USERS }, (_, index) =>
    accessToken({ key: identityKey, nowMs: Date.now(), userId: `user-${index}`, sessionId: `s-${index}` }),
  ),
);

/** What is real (cryptography, bodies) is waited for while the clock stands. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
}

/** Lets time pass in steps, in each of which whatever has come due is done. */
async function pass(ms: number, step: (ms: number) => void = () => undefined): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += STEP_MS) {
    step(passedMs);
    await turns(12);
    vi.advanceTimersByTime(STEP_MS);
  }
}

/** Many users who report to one platform. */
async function users(world: World) {
  const gateway = platform(world);
  const answers = { codes: new Map<string, number>(), ms: [] as number[] };
  const post = (user: number, reports: readonly object[]): Promise<Response> => {
    const headers = { authorization: `Bearer ${tokens[user % USERS]}`, "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify({ reports }) };
    return gateway(new Request("http://gateway/v1/history/reports", init), {}, CTX);
  };
  const report = async (user: number): Promise<void> => {
    const atMs = Date.now();
    const answer = await post(user, [{ kind: "video", itemId: "film", positionMs: 1 }]);
    const { code = "ok" } = (await answer.json()) as { readonly code?: string };
    answers.codes.set(code, (answers.codes.get(code) ?? 0) + 1);
    answers.ms.push(Date.now() - atMs);
  };
  // Each token is verified and minted once, in real time, while the clock stands.
  for (let user = 0; user < USERS; user += 1) await post(user, []);
  let sent = 0;
  /** Reports of all of them in turn for so long, evenly: what was answered, and after how long. */
  return async function drive(perSecond: number, seconds: number) {
    answers.codes.clear();
    answers.ms.length = 0;
    const before = sent;
    await pass(seconds * 1_000, (ms) => {
      for (; (sent - before) * 1_000 < ms * perSecond; sent += 1) void report(sent);
    });
    await pass(1_500);
    const { codes, ms } = answers;
    return {
      sent: sent - before,
      codes: Object.fromEntries(codes),
      p50Ms: ms.toSorted((a, b) => a - b)[ms.length >> 1] ?? 0,
    };
  };
}

beforeEach(() => void vi.clearAllTimers());

/**
 * At less than two a second a shard none waits. All in all less than 20 s pass: after them internal
 * tokens are minted anew, in real time.
 */
const QUIET_PER_SECOND = 4;
/** Over 4 shards many share a commit; over 64 nearly each report waits as long as it may. */
const LOADS = [
  [200, 4],
  [320, 4],
  [256, 64],
] as const;

describe("reports that wait on purpose for a commit that they share", () => {
  it.each(OVERLOAD_LIMITERS.flatMap((limiter) => LOADS.map((load) => [limiter, ...load] as const)))(
    "are shed by nobody, with %s: %i a second over %i shards",
    { timeout: 60_000 },
    async (overloadLimiter, perSecond, shards) => {
      const drive = await users({ overloadLimiter, shards, slowMs: 0 });
      // While there are few of them none waits: so quick can they be.
      const quiet = await drive(QUIET_PER_SECOND, 5);
      expect(quiet.codes).toEqual({ ok: quiet.sent });
      expect(quiet.p50Ms).toBeLessThan(50);
      const { sent, codes, p50Ms } = await drive(perSecond, 8);
      expect(codes).toEqual({ ok: sent });
      // They do wait.
      expect(p50Ms).toBeGreaterThan(100);
    },
  );

  it("wait no longer than half of what the least patient of their call has left", async () => {
    const shard = history({ overloadLimiter: "bbr", shards: 1, slowMs: 0 }).shard("shard-0");
    const beats = () => [
      { kind: "video", itemId: "film", positionMs: 1, event: "playing", at: Date.now() } as const,
    ];
    // So many come that a commit is worth a wait.
    await pass(1_500, (ms) => {
      if (ms % 50 === 0) void shard.report(`user-${ms / 50}`, beats(), 0, undefined, 850);
    });
    let isAnswered = false;
    const batch = ["ada", "bob"].map((userId) => ({ userId, reports: beats() }));
    void shard.reportMany(batch, 0, undefined, 100, true).then(() => (isAnswered = true));
    await pass(45);
    expect(isAnswered).toBe(false);
    await pass(10);
    expect(isAnswered).toBe(true);
  });

  it("are shed where their shards become slow beside that", { timeout: 60_000 }, async () => {
    const world = { overloadLimiter: "bbr", shards: 4, slowMs: 0 };
    const drive = await users(world);
    expect((await drive(200, 4)).codes).toEqual({ ok: expect.any(Number) });
    world.slowMs = 450;
    const { codes } = await drive(200, 6);
    expect(codes["OVERLOADED"]).toBeGreaterThan(100);
    expect(codes["ok"]).toBeGreaterThan(100);
  });
});
