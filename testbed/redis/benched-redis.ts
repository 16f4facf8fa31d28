import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { startRedisServer } from "../../scripts/runtime/redis-server.ts";

/** A redis-server that keeps everything in memory, for measuring. */
export interface BenchedRedis {
  readonly port: number;
  readonly password: string;
  readonly stop: () => Promise<void>;
}

export async function startBenchedRedis(): Promise<BenchedRedis> {
  const dir = mkdtempSync(join(tmpdir(), "playhead-bench-redis-"));
  const password = "measured-only";
  const { port, stop } = await startRedisServer({ dir, password, appendOnly: false });
  return {
    port,
    password,
    stop: async () => {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/**
 * The REST front in a process of its own, as it is run: in ours it would share a core with the
 * client.
 */
export interface BenchedFront {
  readonly url: string;
  readonly token: string;
  readonly stop: () => Promise<void>;
}

export async function startBenchedFront({ port, password }: BenchedRedis): Promise<BenchedFront> {
  const token = "a-token-for-measuring";
  const args = [
    "bridge/redis-rest/main.ts",
    "--port",
    "0",
    "--redis",
    `redis://:${password}@127.0.0.1:${port}`,
  ];
  const child = spawn(process.execPath, args, {
    cwd: PROJECT_ROOT,
    env: { ...process.env, REDIS_REST_TOKEN: token },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const ready = /^ready (\S+)$/m.exec(said)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    void ended.then(() => reject(new Error("the front ended")));
  });
  return {
    url,
    token,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
