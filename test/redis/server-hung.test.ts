import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFrontAndServer, type FrontAndServer } from "./support/front-and-server.ts";
import { until } from "../support/until.ts";

const SILENCE_MS_MAX = 10_000;

let at: FrontAndServer;

beforeAll(async () => {
  at = await startFrontAndServer();
});
afterAll(async () => {
  at.resume();
  await at.stop();
});

describe("a redis-server that says nothing any more", () => {
  it("is given up after ten seconds with all that waits, and taken back when it speaks again", async () => {
    at.hang();
    const startedAtMs = performance.now();
    const waiting = Array.from({ length: 20 }, async () => (await at.post("/", ["INCR", "k"])).status);
    expect((await fetch(`${at.url}/healthz`)).status).toBe(503);
    expect(performance.now() - startedAtMs).toBeLessThan(3_000);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([502]));
    const tookMs = performance.now() - startedAtMs;
    expect([tookMs > SILENCE_MS_MAX - 500, tookMs < SILENCE_MS_MAX + 3_000]).toEqual([true, true]);
    at.resume();
    await until("the front is well", async () => (await fetch(`${at.url}/healthz`)).status === 200);
    expect(Number(await at.client.get("k"))).toBeLessThanOrEqual(20);
  });
});
