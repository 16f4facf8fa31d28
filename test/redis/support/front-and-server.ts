import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis as Native } from "ioredis";
import { Redis } from "@upstash/redis";
import { startFront, type FrontLimits } from "../../../bridge/redis-rest/start-front.ts";
import { startRedisServer, type RunningRedis } from "../../../scripts/runtime/redis-server.ts";
import { until } from "../../support/until.ts";

const TOKEN = "a-token-for-the-tests-only";

/** A redis-server and the front before it, on ports and in a folder of their own. */
export interface FrontAndServer {
  readonly url: string;
  readonly token: string;
  /** As an application has it. */
  readonly client: Redis;
  /** Past the front. */
  readonly native: Native;
  /** A request as it is, for what no client would send. */
  readonly post: (
    path: string,
    body: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>;
  /** Kills the server without a word; the front stays. */
  readonly kill: () => Promise<void>;
  /** Stops the server as a process: its socket stays, and nothing comes out of it. */
  readonly hang: () => void;
  readonly resume: () => void;
  readonly restart: () => Promise<void>;
  readonly told: () => readonly string[];
  readonly stop: () => Promise<void>;
}

export async function startFrontAndServer(limits: Partial<FrontLimits> = {}): Promise<FrontAndServer> {
  const dir = mkdtempSync(join(tmpdir(), "playhead-redis-"));
  let died: () => void = () => undefined;
  const start = async (port?: number): Promise<RunningRedis> =>
    await startRedisServer({
      dir,
      password: TOKEN,
      onDeath: () => died(),
      ...(port === undefined ? {} : { port }),
    });
  let server = await start();
  const redis = { host: "127.0.0.1", port: server.port, password: TOKEN };
  const told: string[] = [];
  const front = await startFront({
    redis,
    token: TOKEN,
    port: 0,
    limits,
    tell: (line) => void told.push(line),
  });
  const native = new Native({ ...redis, protocol: 2 });
  native.on("error", () => undefined);
  const post: FrontAndServer["post"] = async (path, body, headers = {}) =>
    await fetch(front.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const ready = async (): Promise<void> =>
    await until("the front is well", async () => (await fetch(`${front.url}/healthz`)).status === 200);
  await ready();
  return {
    url: front.url,
    token: TOKEN,
    client: new Redis({
      url: front.url,
      token: TOKEN,
      automaticDeserialization: false,
      retry: { retries: 0 },
    }),
    native,
    post,
    told: () => told,
    kill: async () => {
      const death = new Promise<void>((resolve) => (died = resolve));
      process.kill(server.pid, "SIGKILL");
      await death;
    },
    hang: () => void process.kill(server.pid, "SIGSTOP"),
    resume: () => void process.kill(server.pid, "SIGCONT"),
    restart: async () => {
      server = await start(redis.port);
      await ready();
    },
    stop: async () => {
      native.disconnect();
      await front.close();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
