import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bundleWorker } from "../../scripts/runtime/bundle.ts";
import type { RunnableWorker } from "../../scripts/runtime/platform.ts";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { shardOf } from "../../src/history/biz/shard-mapping.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import type { Crowd } from "../../testbed/workers/report-crowd.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

/*
 * Reports of many requests go to their shard together: here in the runtime as it is deployed, where
 * a promise goes on in the request that has made it. The test runner's own switches that off.
 */

let platform: E2ePlatform;
let api: ApiClient;

const CROWD_DRIVER = "report-crowd";

async function moduleOf(file: string) {
  const contents = await bundleWorker(`${PROJECT_ROOT}testbed/workers/${file}.ts`);
  return { type: "ESModule" as const, path: "index.js", contents };
}

/** The history counting its calls of shards, and a worker that calls it for a crowd. */
async function withCrowd(workers: readonly RunnableWorker[]): Promise<RunnableWorker[]> {
  const counted = await moduleOf("counted-history");
  const history = "playhead-history";
  const crowd: RunnableWorker = {
    name: CROWD_DRIVER,
    compatibilityDate: "2026-10-23",
    modules: [await moduleOf(CROWD_DRIVER)],
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    serviceBindings: {
      PLAYBACK: { name: history, entrypoint: "Playback" },
      COUNTS: { name: history, entrypoint: "Counts" },
    },
  };
  return [
    ...workers.map((worker) => (worker.name === history ? { ...worker, modules: [counted] } : worker)),
    crowd,
  ];
}

beforeAll(async () => {
  platform = await startE2ePlatform({ COMMIT_WAIT_MS_MAX: "250" }, { around: withCrowd });
  api = new ApiClient(platform.url);
});

afterAll(() => platform.stop());

/** Of one shard, where there are four. */
const USERS = Array.from({ length: 400 }, (_, user) => `user-${user}`)
  .filter((userId) => shardOf(userId, { version: 1, shards: 4 }) === 0)
  .slice(0, 60);
const ROUNDS = 20;
const CROWD = 5;

const bodyOf = (itemId: string): string =>
  JSON.stringify({ reports: [{ kind: "video", itemId, positionMs: 20_000, durationMs: 596_000 }] });

/**
 * Sends a request and resets its connection after a moment, whatever is answered: a reset is what
 * the runtime drops a request for.
 */
function sendAndReset(url: string, headers: readonly string[], body: string, afterMs: number): Promise<void> {
  const { hostname, port, pathname } = new URL(url);
  const head = [`POST ${pathname} HTTP/1.1`, "host: playhead", ...headers, `content-length: ${body.length}`];
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
      setTimeout(() => socket.resetAndDestroy(), afterMs);
    });
    // Where it was answered before: its end is all that counts.
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
  });
}

describe("reports that go to a shard together", () => {
  const crowdUrl = async (): Promise<string> =>
    String(await platform.miniflare.unsafeGetDirectURL(CROWD_DRIVER));
  const counts = async (): Promise<Record<string, number>> =>
    (await (await fetch(await crowdUrl())).json()) as Record<string, number>;
  const calls = async (): Promise<number> => {
    const { "HistoryShard.report": one = 0, "HistoryShard.reportMany": many = 0 } = await counts();
    return one + many;
  };

  it("need few calls, and each request goes on by itself while nothing else happens", async () => {
    expect(USERS).toHaveLength(60);
    const before = await calls();
    for (const itemId of ["first", "second", "third", "fourth"]) {
      const crowd: Crowd = { users: USERS, itemId, remainingMs: 2_000 };
      const answer = await fetch(await crowdUrl(), { method: "POST", body: JSON.stringify(crowd) });
      expect(await answer.json()).toEqual(USERS.map(() => 1));
    }
    expect((await calls()) - before).toBeLessThanOrEqual(4 * 12);
  });

  it.each([
    { whose: "whoever came first", dropped: 2 },
    { whose: "half of them, with whoever came first", dropped: 30 },
  ])("are sent though the request of $whose has been dropped", async ({ dropped }) => {
    const url = await crowdUrl();
    const others = USERS.slice(dropped);
    const before = await counts();
    for (let round = 0; round < ROUNDS; round += 1) {
      const bodyFor = (users: readonly string[]): string =>
        JSON.stringify({ users, itemId: `film-${dropped}-${round}`, remainingMs: 900 } satisfies Crowd);
      // One goes at once, and the next waits for company while that is on its way.
      const gone = sendAndReset(url, [], bodyFor(USERS.slice(0, dropped)), 4 + (round % 15));
      await sleep(2 + (round % 3));
      const crowd = await fetch(url, { method: "POST", body: bodyFor(others) });
      expect(await crowd.json()).toEqual(others.map(() => 1));
      await gone;
    }
    const after = await counts();
    const lost = (counted: Record<string, number>): number =>
      (counted["begun"] ?? 0) - (counted["finished"] ?? 0);
    expect(lost(after)).toBeGreaterThan(lost(before));
  });

  it("lose none where the client of the one that came first has hung up", async () => {
    const { token } = await api.signUp("crowd@example.com");
    const reported: string[] = [];
    const report = async (itemId: string): Promise<void> => {
      reported.push(itemId);
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const answer = await fetch(`${platform.url}/v1/history/reports`, {
        method: "POST",
        headers,
        body: bodyOf(itemId),
      });
      expect([itemId, answer.status, await answer.text()]).toMatchObject([itemId, 200, expect.any(String)]);
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      // One on its way, one who hangs up while it waits for company, and the company.
      const before = report(`before-${round}`);
      const gone = sendAndReset(
        `${platform.url}/v1/history/reports`,
        [`authorization: Bearer ${token}`, "content-type: application/json"],
        bodyOf(`gone-${round}`),
        3 + (round % 10) * 2,
      );
      const crowd = Array.from({ length: CROWD }, (_, place) => report(`crowd-${round}-${place}`));
      await Promise.all([before, gone, ...crowd]);
    }
    await vi.waitFor(
      async () => {
        const listed = new Set<string>();
        for (let cursor: unknown = null; cursor !== undefined;) {
          const query = cursor === null ? "" : `&cursor=${String(cursor)}`;
          const page = await api.callPatiently("GET", `/v1/history?limit=100${query}`, { token });
          expect(page.status).toBe(200);
          for (const { itemId } of page.body["items"] as { itemId: string }[]) listed.add(itemId);
          cursor = page.body["nextCursor"] ?? undefined;
        }
        expect(reported.filter((itemId) => !listed.has(itemId))).toEqual([]);
      },
      { timeout: 15_000, interval: 500 },
    );
  });
});
