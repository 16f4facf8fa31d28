import { Redis } from "@upstash/redis";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { launchScript, type LaunchedScript } from "../support/platforms/launched-script.ts";
import { playItem } from "../support/platforms/play-item.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-redis-launcher-"));
const stateDir = join(folder, "state");
const running: LaunchedScript[] = [];
/** On a machine that is busy with everything else. */
const WITHIN_MS = 60_000;

afterEach(async () => {
  for (const { process: child, ended } of running.splice(0)) {
    child.kill("SIGTERM");
    await ended;
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(...args: readonly string[]): Promise<LaunchedScript & { readonly client: Redis }> {
  const script = launchScript(["--port", "0", "--state", stateDir, "--redis", ...args]);
  running.push(script);
  await script.ready;
  const [, url = "", tokenFile = ""] =
    /front for @upstash\/redis on (\S+), the token \(and password\) is in (\S+)/.exec(script.stdout()) ?? [];
  expect(statSync(tokenFile).mode & 0o077).toBe(0);
  return {
    ...script,
    client: new Redis({ url, token: readFileSync(tokenFile, "utf8").trim(), retry: false }),
  };
}

const isRunning = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};
const serverPid = (): number => Number(readFileSync(join(stateDir, "redis", "redis.pid"), "utf8"));

describe("npm start -- --redis", () => {
  it(
    "starts both, says where, keeps what is written, and leaves no process behind",
    { timeout: 300_000 },
    async () => {
      const first = await start();
      expect(await first.client.set("kept", "yes")).toBe("OK");
      const pid = serverPid();
      expect(isRunning(pid)).toBe(true);
      first.process.kill("SIGTERM");
      expect(await first.ended).toBe(0);
      expect(isRunning(pid)).toBe(false);

      const second = await start();
      expect(await second.client.get("kept")).toBe("yes");
      const orphan = serverPid();
      second.process.kill("SIGKILL");
      await second.ended;
      expect(isRunning(orphan)).toBe(true);

      const third = await start();
      expect(isRunning(orphan)).toBe(false);
      expect(await third.client.get("kept")).toBe("yes");
      process.kill(serverPid(), "SIGKILL");
      expect(await third.ended).toBe(1);
      expect(third.stderr()).toContain("redis-server died; everything stops");

      const fourth = await start();
      const forgotten = serverPid();
      fourth.process.kill("SIGKILL");
      await fourth.ended;
      running.length = 0;
      const fresh = await start("--fresh");
      expect(await fresh.client.get("kept")).toBeNull();
      await until("the forgotten server has ended", () => !isRunning(forgotten));
    },
  );
});

describe("npm start behind one with --redis", () => {
  it(
    "reads what is still in that Redis, and writes it back, but puts nothing new there",
    { timeout: 300_000 },
    async () => {
      const login = ["viewer@example.com", "correct horse battery"] as const;
      const there = join(folder, "left");
      const startOver = async (windowMs: number, ...args: readonly string[]) => {
        const vars = ["--var", `FLUSH_WINDOW_MS:${windowMs}`];
        const script = launchScript(["--port", "0", "--state", there, ...vars, ...args]);
        running.push(script);
        return { ...script, api: new ApiClient(await script.ready) };
      };
      const acked = new Map<string, number>();
      const first = await startOver(600_000, "--redis");
      const viewer = await first.api.signUp(...login);
      const clientOf = ({ stdout }: LaunchedScript): Redis => {
        const url = /front for @upstash\/redis on (\S+),/.exec(stdout())?.[1] ?? "";
        const redisToken = readFileSync(join(there, "redis", "token"), "utf8").trim();
        return new Redis({ url, token: redisToken, retry: false });
      };
      const pendingOf = async (client: Redis): Promise<number> => {
        const keys = await client.keys("hot:*/*");
        return (await Promise.all(keys.map((key) => client.pttl(key)))).filter((ms) => ms === -1).length;
      };
      // What an endpoint is too slow for goes into the log.
      await until(
        "values are in Redis",
        async () => {
          await playItem(first.api, viewer.token, `film-${acked.size}`, { acked, beats: 1 });
          return (await pendingOf(clientOf(first))) >= 3;
        },
        WITHIN_MS,
      );
      first.process.kill("SIGTERM");
      await first.ended;

      const second = await startOver(1_000);
      expect(second.stdout()).toContain(`may be in ${join(there, "redis")}: its Redis is started`);
      const { token } = await second.api.signIn(...login);
      const { api } = second;
      let items: readonly { readonly itemId: string }[] = [];
      await until(
        "what was acknowledged is read",
        async () => {
          const { status, body } = await api.call("GET", "/v1/history?limit=100", { token });
          if (status === 200) items = body["items"] as typeof items;
          return status === 200;
        },
        WITHIN_MS,
      );
      expect(items.map(({ itemId }) => itemId).toSorted()).toEqual([...acked.keys()].toSorted());
      await playItem(api, token, "new", { acked, beats: 1 });
      expect(acked.get("new")).toBe(1);
      const client = clientOf(second);
      expect(await client.keys("hot:*/*new")).toEqual([]);
      await until("all of it is in D1", async () => (await pendingOf(client)) === 0, WITHIN_MS);
    },
  );
});
