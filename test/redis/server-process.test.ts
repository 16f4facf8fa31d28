import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { endRedisOf, startRedisServer } from "../../scripts/runtime/redis-server.ts";
import { until } from "../support/until.ts";

const password = "a-password-for-the-tests-only";
const root = mkdtempSync(join(tmpdir(), "playhead-redis-process-"));
const folder = (name: string): string => mkdtempSync(join(root, name));

afterAll(() => rmSync(root, { recursive: true, force: true }));

const isRunning = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

describe("a redis-server of ours", () => {
  it("leaves that of another folder alone, though a forgotten pid is that one's now", async () => {
    let died = false;
    const other = await startRedisServer({ dir: folder("other-"), password, onDeath: () => (died = true) });
    const dir = folder("mine-");
    writeFileSync(join(dir, "redis.pid"), `${other.pid}\n`);
    endRedisOf(dir);
    const mine = await startRedisServer({ dir, password });
    await mine.stop();
    expect([died, isRunning(other.pid)]).toEqual([false, true]);
    await other.stop();
  });

  it("is ended though it hangs", { timeout: 20_000 }, async () => {
    const server = await startRedisServer({ dir: folder("hung-"), password });
    process.kill(server.pid, "SIGSTOP");
    const startedAtMs = performance.now();
    await server.stop();
    expect(performance.now() - startedAtMs).toBeLessThan(4_000);
    expect(isRunning(server.pid)).toBe(false);
  });

  it("that doesn't get ready is not left behind", { timeout: 20_000 }, async () => {
    const bin = folder("bin-");
    const script = join(bin, "redis-server");
    writeFileSync(script, `#!/bin/sh\necho $$ > "${bin}/pid"\nexec sleep 60\n`);
    chmodSync(script, 0o755);
    const { PATH } = process.env;
    process.env["PATH"] = `${bin}:${PATH}`;
    try {
      await expect(startRedisServer({ dir: folder("never-"), password })).rejects.toThrow("did not start");
    } finally {
      process.env["PATH"] = PATH;
    }
    const pid = Number(readFileSync(join(bin, "pid"), "utf8"));
    await until("it has ended", () => !isRunning(pid));
  });
});
