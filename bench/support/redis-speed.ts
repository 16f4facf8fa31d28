import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Redis } from "@upstash/redis";
import type { BenchedFront, BenchedRedis } from "../../testbed/redis/benched-redis.ts";

export type Operation = "SET" | "GET";

/** How many clients at once, and how many commands each sends before it waits for answers. */
export interface Manner {
  readonly name: string;
  readonly clients: number;
  readonly pipeline: number;
  /**
   * They share one object of @upstash/redis, which puts what is asked at once into one request.
   * Natively there is no such thing.
   */
  readonly oneClient?: true;
}

export const MANNERS: readonly Manner[] = [
  { name: "one at a time", clients: 1, pipeline: 1 },
  { name: "50 clients", clients: 50, pipeline: 1 },
  { name: "50 callers of one client", clients: 50, pipeline: 1, oneClient: true },
  { name: "pipelined", clients: 1, pipeline: 100 },
];

export interface Speed {
  readonly perSecond: number;
  /** Of a request: a whole pipeline, if there is one. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** About what an idle core does in a second; only to know how many make a short run. */
const NATIVE_PER_SECOND = { 1: 20_000, 50: 60_000, 100: 400_000 };
/** A pipelined run of large values would move gigabytes. */
const RUN_BYTES_MAX = 400_000_000;

/** By redis-benchmark, for about so long. */
export async function nativeSpeed(
  server: BenchedRedis,
  valueLength: number,
  { clients, pipeline }: Manner,
  forMs: number,
): Promise<Readonly<Record<Operation, Speed>>> {
  const perSecond = NATIVE_PER_SECOND[Math.max(clients, pipeline) as keyof typeof NATIVE_PER_SECOND];
  const requests = Math.round(Math.min((perSecond * forMs) / 1_000, RUN_BYTES_MAX / valueLength));
  const sizes = [
    "-d",
    String(valueLength),
    "-n",
    String(requests),
    "-c",
    String(clients),
    "-P",
    String(pipeline),
  ];
  const args = [
    "-h",
    "127.0.0.1",
    "-p",
    String(server.port),
    "-a",
    server.password,
    "-t",
    "set,get",
    "--csv",
    ...sizes,
  ];
  const { stdout } = await promisify(execFile)("redis-benchmark", args);
  return { SET: speedOf(stdout, "SET"), GET: speedOf(stdout, "GET") };
}

/**
 * "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
 */
function speedOf(csv: string, operation: Operation): Speed {
  const cells = csv
    .split("\n")
    .find((line) => line.startsWith(`"${operation}"`))
    ?.split(",")
    .map((cell) => Number(cell.replaceAll('"', "")));
  const [, perSecond, , , p50Ms, , p99Ms] = cells ?? [];
  if (perSecond === undefined || p50Ms === undefined || p99Ms === undefined)
    throw new Error(`redis-benchmark said nothing of ${operation}: ${csv}`);
  return { perSecond, p50Ms, p99Ms };
}

/** By @upstash/redis over the front, for so long. */
export async function restSpeed(
  front: BenchedFront,
  valueLength: number,
  manner: Manner,
  forMs: number,
): Promise<Readonly<Record<Operation, Speed>>> {
  const make = (): Redis =>
    new Redis({ url: front.url, token: front.token, automaticDeserialization: false });
  const clients =
    manner.oneClient === true
      ? Array<Redis>(manner.clients).fill(make())
      : Array.from({ length: manner.clients }, make);
  const key = `bench:${valueLength}`;
  const value = "x".repeat(valueLength);
  const one = manner.pipeline === 1;
  const SET = await loop(manner, forMs, clients, (client) =>
    one ? client.set(key, value) : many(client, manner, (pipeline) => pipeline.set(key, value)),
  );
  const GET = await loop(manner, forMs, clients, (client) =>
    one ? client.get(key) : many(client, manner, (pipeline) => pipeline.get(key)),
  );
  return { SET, GET };
}

async function many(
  client: Redis,
  { pipeline: length }: Manner,
  add: (pipeline: ReturnType<Redis["pipeline"]>) => unknown,
): Promise<void> {
  const pipeline = client.pipeline();
  for (let command = 0; command < length; command += 1) add(pipeline);
  await pipeline.exec();
}

async function loop(
  { pipeline }: Manner,
  forMs: number,
  clients: readonly Redis[],
  request: (client: Redis) => Promise<unknown>,
): Promise<Speed> {
  const took: number[] = [];
  const startedAtMs = performance.now();
  const ask = async (client: Redis): Promise<void> => {
    while (performance.now() - startedAtMs < forMs) {
      const sentAtMs = performance.now();
      await request(client);
      took.push(performance.now() - sentAtMs);
    }
  };
  await Promise.all(clients.map(ask));
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { perSecond: (took.length * pipeline) / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}
