import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFront } from "../../bridge/redis-rest/start-front.ts";
import { startFrontAndServer, type FrontAndServer } from "./support/front-and-server.ts";
import { until } from "../support/until.ts";

const TRANSACTIONS = 300;

let at: FrontAndServer;

beforeAll(async () => {
  at = await startFrontAndServer();
});
afterAll(() => at.stop());

describe("multi-exec", () => {
  it("is never torn: of 300 beside other traffic on the same connection, none sees a command between its own", async () => {
    let torn = 0;
    const others = { going: true };
    const disturb = async (): Promise<void> => {
      while (others.going)
        await Promise.all([
          at.client.incr("x"),
          at.client.pipeline().incr("x").incr("x").exec(),
          at.client.set("y", "z"),
        ]);
    };
    const disturbances = [disturb(), disturb(), disturb()];
    const transact = async (): Promise<void> => {
      const [first, second, third] = await at.client
        .multi()
        .incr("x")
        .incr("x")
        .incr("x")
        .exec<[number, number, number]>();
      if (second !== first + 1 || third !== second + 1) torn += 1;
    };
    for (let round = 0; round < TRANSACTIONS / 10; round += 1)
      await Promise.all(Array.from({ length: 10 }, transact));
    const disturbedTo = Number(await at.native.get("x"));
    others.going = false;
    await Promise.all(disturbances);
    expect(torn).toBe(0);
    expect(disturbedTo).toBeGreaterThan(3 * TRANSACTIONS);
  });

  it("answers what failed while running by itself, and the rest stands", async () => {
    await at.client.set("s", "text");
    const response = await at.post("/multi-exec", [
      ["SET", "a", "1"],
      ["INCR", "s"],
      ["SET", "b", "2"],
    ]);
    expect([response.status, await response.json()]).toEqual([
      200,
      [{ result: "OK" }, { error: "ERR value is not an integer or out of range" }, { result: "OK" }],
    ]);
  });

  it("is discarded as a whole when a command can't be queued, with that command's error", async () => {
    await at.native.del("a");
    const response = await at.post("/multi-exec", [["SET", "a", "1"], ["GET"], ["NOSUCH"]]);
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: "ERR wrong number of arguments for 'get' command" },
    ]);
    expect(await at.native.exists("a")).toBe(0);
    await expect(at.client.multi().set("a", "1").eval("return", [], []).exec()).resolves.toBeDefined();
  });

  it("is refused before anything of it is sent when it holds a refused command", async () => {
    await at.native.del("a");
    const response = await at.post("/multi-exec", [["SET", "a", "1"], ["DISCARD"], ["SET", "a", "2"]]);
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: "ERR DISCARD is not available over REST" },
    ]);
    expect(await at.native.exists("a")).toBe(0);
  });

  it("is not called discarded where Redis let its commands in and not MULTI", async () => {
    await at.native.call("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-multi");
    const redis = {
      host: "127.0.0.1",
      port: at.native.options.port ?? 0,
      username: "app",
      password: "secret",
    };
    const front = await startFront({ redis, token: at.token, port: 0, tell: () => undefined });
    try {
      await until("the front is well", async () => (await fetch(`${front.url}/healthz`)).status === 200);
      const ask = {
        method: "POST",
        headers: { authorization: `Bearer ${at.token}` },
        body: '[["SET","done","1"]]',
      };
      const response = await fetch(`${front.url}/multi-exec`, ask);
      expect(await at.native.get("done")).toBe("1");
      expect([response.status, await response.json()]).toEqual([
        502,
        { error: expect.stringContaining("was done without it: NOPERM") },
      ]);
    } finally {
      await front.close();
    }
  });
});
