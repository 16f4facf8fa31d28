import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { redisBeside } from "../../scripts/runtime/redis.ts";

let state: string;
let told: string[];

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "playhead-redis-beside-"));
  told = [];
  // Whatever machine this is, it has no redis-server.
  vi.stubEnv("PATH", "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(state, { recursive: true, force: true });
});

const startWith = (vars: Readonly<Record<string, string>>) =>
  redisBeside(
    { state, redis: false, vars },
    {
      say: (text) => void told.push(text),
      complain: (text) => void told.push(text),
      onDeath: () => undefined,
    },
  );

describe("a start that nobody has asked for Redis", () => {
  it("has none, and says nothing of it", async () => {
    expect([await startWith({}), told]).toEqual([null, []]);
  });

  it("says what may be in one of an earlier start that can't be started here", async () => {
    mkdirSync(join(state, "redis"));
    expect(await startWith({})).toBeNull();
    expect(told).toEqual([
      `reports of an earlier start with --redis may be in ${join(state, "redis")}, and redis-server isn't installed (Debian: apt-get install redis-server)`,
    ]);
  });

  it("leaves that alone where another Redis is named", async () => {
    mkdirSync(join(state, "redis"));
    expect([await startWith({ UPSTASH_REDIS_REST_URL: "https://redis.example" }), told]).toEqual([null, []]);
  });
});
