import { Redis } from "@upstash/redis";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { launchScript, type LaunchedScript } from "../support/platforms/launched-script.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-redis-launcher-"));
const stateDir = join(folder, "state");
const running: LaunchedScript[] = [];

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
