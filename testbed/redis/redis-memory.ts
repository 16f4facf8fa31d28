import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import type { BenchedRedis } from "./benched-redis.ts";
import { keyMemory, type KeyMemory } from "./redis-memory-model.ts";

export const KEY_LENGTH = 16;
const COMMANDS_PER_CHUNK = 1_000;
const SETTLE_MS = 150;
const SETTLE_ROUNDS_MAX = 40;
/** A size that would take more of the free memory is left out. */
const FREE_SHARE_MAX = 0.5;

export interface MemoryFigure {
  readonly valueLength: number;
  readonly keys: number;
  /** Null where it was left out. */
  readonly measured: number | null;
  readonly theory: KeyMemory;
}

/**
 * Bytes a key by `used_memory` before and after so many keys of one size. The keys are added step
 * by step, and forgotten at the end.
 */
export async function measureMemory(
  server: BenchedRedis,
  valueLength: number,
  keyCounts: readonly number[],
): Promise<readonly MemoryFigure[]> {
  const redis = new Redis({ host: "127.0.0.1", port: server.port, password: server.password, protocol: 2 });
  const figures: MemoryFigure[] = [];
  await redis.flushall();
  const before = await settledMemory(redis);
  let there = 0;
  for (const keys of keyCounts) {
    const theory = keyMemory({ keyLength: KEY_LENGTH, valueLength, keys });
    const fits = theory.total * (keys - there) <= FREE_SHARE_MAX * freeBytes();
    if (fits) {
      await fill(server, { from: there, to: keys, valueLength });
      there = keys;
    }
    figures.push({
      valueLength,
      keys,
      theory,
      measured: fits ? ((await settledMemory(redis)) - before) / keys : null,
    });
  }
  await redis.flushall();
  redis.disconnect();
  return figures;
}

/** By redis-cli's pipe mode: commands as a client sends them, as fast as the server takes them. */
async function fill(
  server: BenchedRedis,
  range: { readonly from: number; readonly to: number; readonly valueLength: number },
): Promise<void> {
  const child = spawn("redis-cli", ["-p", String(server.port), "--pipe"], {
    env: { ...process.env, REDISCLI_AUTH: server.password },
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = once(child, "close");
  // Letters, since Redis keeps a number as one.
  const value = `$${range.valueLength}\r\n${"x".repeat(range.valueLength)}\r\n`;
  for (let key = range.from; key < range.to; key += COMMANDS_PER_CHUNK) {
    let text = "";
    for (let one = key; one < Math.min(range.to, key + COMMANDS_PER_CHUNK); one += 1) {
      text += `*3\r\n$3\r\nSET\r\n$${KEY_LENGTH}\r\nkey:${String(one).padStart(KEY_LENGTH - 4, "0")}\r\n${value}`;
    }
    if (!child.stdin.write(text)) await once(child.stdin, "drain");
  }
  child.stdin.end();
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`redis-cli --pipe ended with ${code}`);
}

/** The server moves its hash table bit by bit, and keeps the old one meanwhile. */
async function settledMemory(redis: Redis): Promise<number> {
  let last = await usedMemory(redis);
  for (let round = 0; round < SETTLE_ROUNDS_MAX; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const now = await usedMemory(redis);
    if (Math.abs(now - last) < 1_024) return now;
    last = now;
  }
  return last;
}

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1]);
}

function freeBytes(): number {
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1_024;
}
