import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { CometRpc } from "../../src/contracts/realtime-rpc.ts";
import { ClientSocket } from "./support/client-socket.ts";
import { until } from "./support/until.ts";

const { COMET } = env as unknown as RealtimeEnv;
type CometStub = DurableObjectStub & CometRpc;
const cometNamed = (name: string) => COMET.getByName(name) as unknown as CometStub;

const userOf = (userId: string, sessionId = `session of ${userId}`) => ({
  userId,
  sessionId,
  roles: ["user"],
});
const hello = { op: 1_000, body: new TextEncoder().encode("hello") };

async function own(comet: CometStub, userId: string, auth: object = {}): Promise<ClientSocket> {
  const socket = await ClientSocket.open(comet, { door: "own", isTcp: false, user: userOf(userId) });
  socket.send(7, auth);
  await socket.next(8);
  return socket;
}

async function guest(comet: CometStub, auth: object = {}): Promise<ClientSocket> {
  const socket = await ClientSocket.open(comet, { door: "goim", isTcp: false, user: null });
  socket.send(7, auth);
  await socket.next(8);
  return socket;
}

describe("a comet in the real runtime", () => {
  it("signs in, beats, and pushes to users, keys and all", async () => {
    const comet = cometNamed("shard-1");
    const ada = await own(comet, "ada", { accepts: [1_000], key: "k" });
    const stranger = await guest(comet, { accepts: [1_000], key: "k" });
    ada.send(2, "", 5);
    expect(await ada.next(3)).toMatchObject({ seq: 5, body: "\0\0\0\0" });
    expect(await comet.pushUsers(["ada"], hello)).toEqual({ delivered: 1 });
    expect(await comet.pushKeys(null, ["k"], hello)).toEqual({ delivered: 1 });
    expect(await comet.pushAll(hello)).toEqual({ delivered: 2 });
    for (const socket of [ada, stranger])
      for (let count = 0; count < 2; count += 1) expect((await socket.next(1_000)).body).toBe("hello");
    expect(await comet.online()).toEqual({ sockets: 2, users: 1 });
    ada.close();
    await until(async () => (await comet.online()).sockets === 1);
  });

  it("answers a text ping without waking anybody, and takes it for a sign of life", async () => {
    const comet = cometNamed("shard-2");
    const ada = await own(comet, "ada");
    await evictDurableObject(comet);
    ada.sendText("ping");
    await until(() => ada.texts.includes("pong"));
    await runInDurableObject(comet, (_, state) => {
      const pinged = state.getWebSockets().map((one) => state.getWebSocketAutoResponseTimestamp(one));
      expect(pinged).toEqual([expect.any(Date)]);
    });
  });

  it("gives a client that comes back what it missed, and takes its reports", async () => {
    const comet = cometNamed("shard-3");
    const ada = await ClientSocket.open(comet, { door: "own", isTcp: false, user: userOf("ada") });
    ada.send(7, { since: "1" });
    expect(JSON.parse((await ada.next(2002)).body)).toMatchObject({
      changes: [{ removed: { itemId: "missed" } }],
      cursor: "2",
    });
    ada.send(2001, { reports: [{ kind: "video", itemId: "m1", positionMs: 1 }] }, 9);
    expect(await ada.next(2001)).toEqual({ op: 2001, seq: 9, body: "" });
  });

  it("closes with code and reason what is no packet", async () => {
    const comet = cometNamed("shard-4");
    const socket = await guest(comet);
    socket.sendText("hello");
    await until(() => socket.closed !== null);
    expect(socket.closed).toEqual({ code: 1002, reason: "packets are binary" });
    expect(await comet.online()).toEqual({ sockets: 0, users: 0 });
  });

  it("is as it was after its memory has gone: pushes, rooms, subscriptions, news", async () => {
    const comet = cometNamed("shard-5");
    const [ada, tv] = [
      await own(comet, "ada", { room_id: "live://1", accepts: [1_000] }),
      await own(comet, "ada", { device: { id: "tv" } }),
    ];
    const stranger = await guest(comet, { room_id: "live://1", key: "k" });
    stranger.send(14, "1001");
    await stranger.next(15);
    await ada.next(2007);
    const push = async (offset: number) => {
      const room = await comet.pushRoom("live://1", "e", [{ ...hello, offset }]);
      const key = await comet.pushKeys(null, ["k"], { ...hello, op: 1_001 });
      const users = await comet.pushUsers(["ada"], hello);
      const { gone } = await comet.changed([{ userId: "ada", changes: [], cursor: `${offset}` }]);
      expect([room, key, users, gone]).toEqual([{ delivered: 2 }, { delivered: 1 }, { delivered: 1 }, []]);
      expect(await stranger.next(1_000)).toMatchObject({ seq: 0, body: "hello" });
      expect(await stranger.next(1_001)).toMatchObject({ body: "hello" });
      expect(await ada.next(1_000)).toMatchObject({ seq: offset });
      expect(await ada.next(1_000)).toMatchObject({ seq: 0 });
      for (const socket of [ada, tv]) expect((await socket.next(2002)).body).toContain(`"${offset}"`);
    };
    await push(1);
    for (let round = 2; round < 5; round += 1) {
      await evictDurableObject(comet);
      await push(round);
    }
    await evictDurableObject(comet);
    tv.close();
    await until(async () => (await comet.online()).sockets === 2);
    // What wakes it may be a packet, too.
    await evictDurableObject(comet);
    ada.send(2005, { to: "tv", command: "pause" }, 3);
    expect(JSON.parse((await ada.next(2005)).body)).toMatchObject({ code: "NOT_FOUND" });
  });

  it("closes who says nothing after the upgrade", async () => {
    const silent = await ClientSocket.open(cometNamed("shard-8"), {
      door: "own",
      isTcp: false,
      user: userOf("ada"),
    });
    await until(() => silent.closed !== null);
    expect(silent.closed).toEqual({ code: 4408, reason: "op 7 must come within 5 s" });
  });

  it("has an alarm while somebody is connected, and no longer", async () => {
    const comet = cometNamed("shard-6");
    const ada = await own(comet, "ada");
    expect(await runDurableObjectAlarm(comet)).toBe(true);
    ada.close();
    await until(async () => (await comet.online()).sockets === 0);
    expect(await runDurableObjectAlarm(comet)).toBe(true);
    expect(await runDurableObjectAlarm(comet)).toBe(false);
  });

  it("refuses what is no socket of a door", async () => {
    const comet = cometNamed("shard-7");
    expect((await comet.fetch("http://comet/", { headers: { upgrade: "websocket" } })).status).toBe(400);
  });
});
