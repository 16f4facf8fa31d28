import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { LaunchedScripts, runtimeOf, type LaunchedScript } from "../support/platforms/launched-script.ts";
import { playItem } from "../support/platforms/play-item.ts";
import { startFrontAndServer, type FrontAndServer } from "./support/front-and-server.ts";
import { until } from "../support/until.ts";

/*
 * The history with Redis as its hot store, through the platform as it is started, while runtime and
 * redis-server are killed in the middle of the traffic.
 */

const folder = mkdtempSync(join(tmpdir(), "playhead-redis-story-"));
const state = join(folder, "state");
const PLAYERS = 8;
const BEATS = 30;
const EMAIL = "viewer@example.com";
const PASSWORD = "correct horse battery";
const scripts = new LaunchedScripts();
let redis: FrontAndServer;

beforeAll(async () => {
  redis = await startFrontAndServer();
});
afterEach(() => scripts.end());
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What was acknowledged, by item. */
const acked = new Map<string, number>();

async function start(store: string, windowMs: number): Promise<LaunchedScript & { readonly api: ApiClient }> {
  const vars = {
    RATE_LIMIT_SCALE: "1000",
    HOT_STORE: store,
    UPSTASH_REDIS_REST_URL: `a=${redis.url}`,
    FLUSH_WINDOW_MS: String(windowMs),
  };
  const args = Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const script = scripts.start(["--port", "0", "--state", state, ...args], {
    UPSTASH_REDIS_REST_TOKEN: `a=${redis.token}`,
  });
  return { ...script, api: new ApiClient(await script.ready) };
}

const playAll = (api: ApiClient, token: string, beats: number): Promise<readonly void[]> =>
  Promise.all(
    Array.from({ length: PLAYERS }, (_, player) => playItem(api, token, `film-${player}`, { acked, beats })),
  );

/** Each acknowledged position is there, or the next, whose answer was lost. */
async function expectAll(api: ApiClient, token: string): Promise<void> {
  const read = () => api.call("GET", "/v1/history?limit=100", { token });
  let { status, body } = await read();
  // After a restart values are read back first, which on a busy machine may take a second try.
  for (const deadline = Date.now() + 60_000; status === 503 && Date.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    ({ status, body } = await read());
  }
  expect(status).toBe(200);
  const stored = new Map(
    (body["items"] as { itemId: string; positionMs: number }[]).map((item) => [item.itemId, item.positionMs]),
  );
  const wrong = [...acked].filter(([itemId, positionMs]) => {
    const found = stored.get(itemId) ?? 0;
    return found < positionMs || found > positionMs + 1;
  });
  expect(wrong).toEqual([]);
}

/** Plays new items until something is so: on a busy machine a call may take longer than it may. */
async function playUntil(
  api: ApiClient,
  token: string,
  what: string,
  check: () => Promise<boolean>,
): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await check());) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await playItem(api, token, `new-${acked.size}`, { acked, beats: 1 });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function valuesOf(): Promise<{ readonly pending: number; readonly confirmed: number }> {
  const keys = await redis.native.keys("hot:*/*");
  const left = await Promise.all(keys.map((key) => redis.native.pttl(key)));
  return {
    pending: left.filter((ms) => ms === -1).length,
    confirmed: left.filter((ms) => ms > 0).length,
  };
}

it(
  "loses nothing that was acknowledged when the runtime, redis-server or both are killed, and drains",
  { timeout: 400_000 },
  async () => {
    // Nothing reaches D1 meanwhile: what is read after a kill was in Redis.
    const first = await start("redis", 600_000);
    const { token } = await first.api.signUp(EMAIL, PASSWORD);
    await playUntil(
      first.api,
      token,
      "values are in Redis",
      async () => (await valuesOf()).pending >= PLAYERS,
    );
    expect((await valuesOf()).confirmed).toBe(0);
    const killed = playAll(first.api, token, 1_000_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    process.kill(runtimeOf(first), "SIGKILL");
    await killed;
    expect(await first.ended).toBe(1);

    const second = await start("redis", 600_000);
    const again = await second.api.signIn(EMAIL, PASSWORD);
    await expectAll(second.api, again.token);
    // Redis dies: reports go on, into the logs of their shards.
    const on = playAll(second.api, again.token, BEATS);
    await redis.kill();
    await on;
    const before = new Map(acked);
    await playAll(second.api, again.token, 3);
    const films = [...acked].filter(([itemId]) => itemId.startsWith("film-"));
    expect(films.filter(([itemId, positionMs]) => positionMs <= (before.get(itemId) ?? 0))).toEqual([]);
    await expectAll(second.api, again.token);
    await redis.restart();
    const { pending } = await valuesOf();
    await playUntil(
      second.api,
      again.token,
      "reports are in Redis again",
      async () => (await valuesOf()).pending > pending,
    );

    // Both die in the middle of it.
    const both = playAll(second.api, again.token, 1_000_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await redis.kill();
    process.kill(runtimeOf(second), "SIGKILL");
    await both;
    expect(await second.ended).toBe(1);
    await redis.restart();

    // The store is changed back: what is in Redis drains by itself, and is let go there.
    const third = await start("shard", 300);
    const last = await third.api.signIn(EMAIL, PASSWORD);
    await expectAll(third.api, last.token);
    await until("nothing is pending in Redis", async () => (await valuesOf()).pending === 0);
    expect((await valuesOf()).confirmed).toBeGreaterThan(0);
    await expectAll(third.api, last.token);
    third.process.kill("SIGTERM");
    expect(await third.ended).toBe(0);
    // Redis is needed no more.
    await redis.kill();
    const fourth = await start("shard", 300);
    const { token: without } = await fourth.api.signIn(EMAIL, PASSWORD);
    await expectAll(fourth.api, without);
    await redis.restart();
  },
);
