import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Redis } from "@upstash/redis";
import { Redis as Native } from "ioredis";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import type { BenchedFront, BenchedRedis } from "../../testbed/redis/benched-redis.ts";

/** One client that reads and writes values of a size as fast as it can. */
export interface Neighbour {
  readonly stop: () => Promise<void>;
}

const VALUE_LENGTH = 100;
const CONNECTIONS = 10;
const NATIVE_PER_SECOND = 1_000;
const REST_PER_SECOND = 200;
const TICK_MS = 2;
/** For so long it writes, then reads, and so on. */
const TURN_BYTES = 20_000_000;

/**
 * Natively: redis-benchmark, which like the other is a process of its own and takes no time from
 * the loop that measures.
 */
export function nativeNeighbour(
  { port, password }: BenchedRedis,
  valueLength: number,
  pipeline: number,
): Neighbour {
  const turn = Math.min(20_000, Math.max(64, Math.round(TURN_BYTES / valueLength)));
  const where = ["-h", "127.0.0.1", "-p", String(port), "-a", password];
  const what = [
    "-c",
    "1",
    "-P",
    String(pipeline),
    "-t",
    "set,get",
    "-d",
    String(valueLength),
    "-n",
    String(turn),
    "-q",
    "-l",
  ];
  return untilStopped(spawn("redis-benchmark", [...where, ...what], { stdio: "ignore" }));
}

/** Over the front: the client in a script of its own. */
export function restNeighbour({ url, token }: BenchedFront, valueLength: number): Neighbour {
  const args = ["bench/support/rest-neighbour.ts", url, String(valueLength)];
  return untilStopped(
    spawn(process.execPath, args, {
      cwd: PROJECT_ROOT,
      env: { ...process.env, REDIS_REST_TOKEN: token },
      stdio: "ignore",
    }),
  );
}

function untilStopped(child: ChildProcess): Neighbour {
  const ended = once(child, "close");
  return {
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The latencies of small reads at a fixed rate, natively, in ms. */
export async function nativeReads(
  { port, password }: BenchedRedis,
  forMs: number,
): Promise<readonly number[]> {
  const clients = Array.from(
    { length: CONNECTIONS },
    () => new Native({ host: "127.0.0.1", port, password, protocol: 2 }),
  );
  await clients[0]?.set("small", "x".repeat(VALUE_LENGTH));
  const took = await atRate(
    NATIVE_PER_SECOND,
    forMs,
    async (index) => await clients[index % CONNECTIONS]?.get("small"),
  );
  for (const client of clients) client.disconnect();
  return took;
}

/** The same over the front. */
export async function restReads({ url, token }: BenchedFront, forMs: number): Promise<readonly number[]> {
  const client = new Redis({ url, token });
  await client.set("small", "x".repeat(VALUE_LENGTH));
  return await atRate(REST_PER_SECOND, forMs, async () => await client.get("small"));
}

/**
 * Sends whether or not it is answered: a closed loop would send least while it is slow, and hide
 * it.
 */
async function atRate(
  perSecond: number,
  forMs: number,
  request: (index: number) => Promise<unknown>,
): Promise<readonly number[]> {
  const took: Promise<number>[] = [];
  const startedAtMs = performance.now();
  for (;;) {
    const elapsedMs = performance.now() - startedAtMs;
    if (elapsedMs >= forMs) break;
    while (took.length < (elapsedMs * perSecond) / 1_000) took.push(timed(request, took.length));
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  return await Promise.all(took);
}

async function timed(request: (index: number) => Promise<unknown>, index: number): Promise<number> {
  const sentAtMs = performance.now();
  await request(index);
  return performance.now() - sentAtMs;
}
