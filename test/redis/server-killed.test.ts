import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFront } from "../../bridge/redis-rest/start-front.ts";
import { startFrontAndServer, type FrontAndServer } from "./support/front-and-server.ts";
import { until } from "../support/until.ts";

let at: FrontAndServer;

beforeAll(async () => {
  at = await startFrontAndServer();
});
afterAll(() => at.stop());

describe("a front that is told to stop", () => {
  it("says nothing of a server that is lost", async () => {
    const told: string[] = [];
    const front = await startFront({
      redis: { host: "127.0.0.1", port: at.native.options.port ?? 0, password: at.token },
      token: at.token,
      port: 0,
      tell: (line) => void told.push(line),
    });
    await until("it has reached the server", () => told.length === 1);
    await front.close();
    await until("its connection is gone", async () => {
      const clients = String(await at.native.client("LIST")).split("\n");
      return clients.filter((client) => client.includes("name=redis-rest")).length === 1;
    });
    expect(told).toEqual([expect.stringContaining("is ready")]);
  });
});

describe("a redis-server that is killed", () => {
  it("leaves an error in JSON for all who wait, at once, and nothing is done twice", async () => {
    const counts = new Map<string, number>();
    const statuses = new Set<number>();
    const load = async (key: string): Promise<void> => {
      for (;;) {
        const response = await at.post("/", ["INCR", key]);
        const { result } = (await response.json()) as { result?: number; error?: string };
        if (result === undefined) return void statuses.add(response.status);
        counts.set(key, result);
      }
    };
    const clients = Array.from({ length: 8 }, (_, index) => load(`count-${index}`));
    await until(
      "all clients are under way",
      () => counts.size === 8 && [...counts.values()].every((count) => count > 50),
    );
    await at.kill();
    const startedAtMs = performance.now();
    await Promise.all(clients);
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
    expect(new Set([...statuses, 502, 503])).toEqual(new Set([502, 503]));

    expect((await fetch(`${at.url}/healthz`)).status).toBe(503);
    await expect(at.client.get("k")).rejects.toThrow("ERR redis-server is not reachable");
    await expect(at.client.multi().get("k").exec()).rejects.toThrow("ERR redis-server is not reachable");

    await at.restart();
    for (const [key, count] of counts) {
      // What is answered was handed to the system before, so it outlives the process; the one
      // command that was not answered may have been done.
      expect([count, count + 1]).toContain(Number(await at.client.get(key)));
    }
    expect(await at.client.set("back", "1")).toBe("OK");
    expect(at.told()).toContainEqual(expect.stringContaining("is lost"));
    expect(at.told().at(-1)).toContain("is ready");
  });

  it("is announced to subscribers again when it is back, and their stream goes on", async () => {
    const lines: string[] = [];
    const abort = new AbortController();
    const headers = { authorization: `Bearer ${at.token}`, accept: "text/event-stream" };
    const response = await fetch(`${at.url}/subscribe/chat`, {
      method: "POST",
      headers,
      signal: abort.signal,
    });
    const read = async (): Promise<void> => {
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        lines.push(...chunk.split("\n").filter((line) => line.startsWith("data:")));
      }
    };
    const reading = read().catch(() => undefined);
    await until("the subscription is told", () => lines.length === 1);
    await at.kill();
    await at.restart();
    await until("it is told again", () => lines.length === 2);
    await at.client.publish("chat", "after");
    await until("the message is there", () => lines.length === 3);
    abort.abort();
    await reading;
    expect(lines).toEqual(["data: subscribe,chat,1", "data: subscribe,chat,1", "data: message,chat,after"]);
  });
});
