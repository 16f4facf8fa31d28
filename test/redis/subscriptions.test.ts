import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFront } from "../../bridge/redis-rest/start-front.ts";
import { startFrontAndServer, type FrontAndServer } from "./support/front-and-server.ts";
import { until } from "../support/until.ts";

let at: FrontAndServer;

beforeAll(async () => {
  at = await startFrontAndServer();
});
afterAll(() => at.stop());

const connectionsOf = async (): Promise<number> =>
  String(await at.native.client("LIST"))
    .split("\n")
    .filter((line) => line.includes("redis-rest-events")).length;
describe("a subscription that Redis refuses", () => {
  it("ends with Redis's words, and isn't asked for again and again", async () => {
    await at.native.call("ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "resetchannels");
    const redis = {
      host: "127.0.0.1",
      port: at.native.options.port ?? 0,
      username: "app",
      password: "secret",
    };
    const front = await startFront({ redis, token: at.token, port: 0, tell: () => undefined });
    try {
      const response = await fetch(`${front.url}/subscribe/c`, {
        method: "POST",
        headers: { authorization: `Bearer ${at.token}` },
      });
      expect(await response.text()).toContain("NOPERM");
      await until("its connection is gone", async () => (await connectionsOf()) === 0);
    } finally {
      await front.close();
    }
  });
});

describe("a subscription through the client", () => {
  it("is told of itself, then of each message, in order and with its text", async () => {
    const seen: unknown[] = [];
    const subscriber = at.client.subscribe("chat");
    let count: unknown;
    subscriber.on("subscribe", (subscribed) => (count = subscribed));
    subscriber.on("message", ({ message }) => seen.push(message));
    await until("it is told", () => count === 1);
    const sent = ["first", "with, commas, and żółć", '{"json":"with\\nbreak"}'];
    for (const text of sent) await at.client.publish("chat", text);
    await until("all are there", () => seen.length === sent.length);
    expect(seen).toEqual(sent);
    await subscriber.unsubscribe();
    await until("its connection is gone", async () => (await connectionsOf()) === 0);
  });

  it("takes patterns, and tells which channel it was", async () => {
    const seen: unknown[] = [];
    let subscribed = false;
    const subscriber = at.client.psubscribe("room:?:*");
    subscriber.on("psubscribe", () => (subscribed = true));
    subscriber.on("pmessage", (event) => seen.push(event));
    await until("it is told", () => subscribed);
    await at.client.publish("room:12:x", "no");
    await at.client.publish("room:1:x", "yes");
    await until("it is there", () => seen.length === 1);
    expect(seen).toEqual([{ pattern: "room:?:*", channel: "room:1:x", message: "yes" }]);
    await subscriber.unsubscribe();
  });

  it("disturbs no command: they go on over the shared connection", async () => {
    const subscriber = at.client.subscribe("quiet/with slash");
    let subscribed = false;
    subscriber.on("subscribe", () => (subscribed = true));
    await until("it is told", () => subscribed);
    expect(await at.client.set("k", "v")).toBe("OK");
    expect(await at.client.publish("quiet/with slash", "x")).toBe(1);
    await subscriber.unsubscribe();
  });
});
