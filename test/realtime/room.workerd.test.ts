import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { GOIM_OPS } from "../../src/protocol/goim-packet.ts";
import { sqliteRoomStore } from "../../src/realtime/data/sqlite-room-store.ts";
import { testEviction } from "../support/workers/evicted.ts";
import { ClientSocket } from "./support/client-socket.ts";
import { until } from "./support/until.ts";

const { COMET, ROOM } = env as unknown as RealtimeEnv;
let names = 0;
const fresh = (): string => `live://${(names += 1)}`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textsOf = (messages: readonly { readonly body: Uint8Array }[] | null | undefined) =>
  messages?.map(({ body }) => new TextDecoder().decode(body));

/** What is stored for a room, and when its alarm rings. */
const kept = (name: string) =>
  runInDurableObject(ROOM.getByName(name), async (_room, { storage }) => ({
    tables: storage.sql
      .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray().length,
    messages: sqliteRoomStore(storage).read()?.messages.length ?? null,
    alarm: await storage.getAlarm(),
  }));

/** A guest's socket in this comet, which has come into the room. */
async function member(comet: string, room: string): Promise<ClientSocket> {
  const socket = await ClientSocket.open(COMET.getByName(comet), { door: "goim", isTcp: false, user: null });
  socket.send(GOIM_OPS.auth, { key: fresh(), room_id: room });
  await socket.next(GOIM_OPS.authReply);
  return socket;
}

describe("a room object", () => {
  it("pushes to the members that it has in comets, before and after all memory is gone", async () => {
    const name = fresh();
    const members = [await member("sub-1", name), await member("sub-1", name), await member("sub-2", name)];
    const online = async (count: number) =>
      until(async () => (await ROOM.getByName(name).online()) === count);
    await online(3);
    expect(await ROOM.getByName(name).push({ op: 1_000, body: bytes("a") })).toEqual({ delivered: 3 });
    for (const object of [ROOM.getByName(name), COMET.getByName("sub-1"), COMET.getByName("sub-2")])
      await evictDurableObject(object);
    expect(await ROOM.getByName(name).push({ op: 1_000, body: bytes("b") })).toEqual({ delivered: 3 });
    for (const socket of members) {
      expect((await socket.next(1_000)).body).toBe("a");
      expect((await socket.next(1_000)).body).toBe("b");
    }
    members[2]?.close();
    await online(2);
  });

  it("remembers members and messages when its memory is gone", async () => {
    const name = fresh();
    const { place } = await ROOM.getByName(name).members("shard-1", 2);
    await ROOM.getByName(name).members("sub-3", 1);
    await ROOM.getByName(name).members("sub-3", 0);
    for (const text of ["a", "b"]) void ROOM.getByName(name).push({ op: 1_000, body: bytes(text) });
    await ROOM.getByName(name).push({ op: 1_000, body: bytes("c") });
    await evictDurableObject(ROOM.getByName(name));
    const back = await ROOM.getByName(name).members("shard-2", 1, place);
    expect(textsOf(back.missed)).toEqual(["a", "b", "c"]);
    expect(back).toMatchObject({ place: { epoch: place.epoch, offset: 3 }, online: 3 });
  });

  it("stores nothing where nobody is", async () => {
    const name = fresh();
    expect(await ROOM.getByName(name).push({ op: 1_000, body: bytes("a") })).toEqual({ delivered: 0 });
    await ROOM.getByName(name).members("shard-1", 0);
    expect(await kept(name)).toEqual({ tables: 0, messages: null, alarm: null });
  });

  it("leaves nothing behind when all have gone, and begins another epoch then", async () => {
    const name = fresh();
    const { place } = await ROOM.getByName(name).members("shard-1", 1);
    await ROOM.getByName(name).members("shard-1", 0);
    await ROOM.getByName(name).push({ op: 1_000, body: bytes("a") });
    expect(await kept(name)).toMatchObject({ tables: 3, messages: 1, alarm: expect.any(Number) });
    await runDurableObjectAlarm(ROOM.getByName(name));
    expect(await kept(name)).toEqual({ tables: 0, messages: null, alarm: null });
    const back = await ROOM.getByName(name).members("shard-1", 1, { ...place, offset: 1 });
    expect(back.missed).toBeNull();
    expect(back.place.epoch).not.toBe(place.epoch);
    expect(await kept(name)).toMatchObject({ tables: 3, messages: 0 });
  });

  it("holds a hundred messages in a hundred rows", async () => {
    const name = fresh();
    const { place } = await ROOM.getByName(name).members("shard-1", 1);
    await ROOM.getByName(name).members("shard-1", 0);
    for (let index = 1; index <= 130; index += 1)
      await ROOM.getByName(name).push({ op: 1_000, body: bytes(`${index}`) });
    await evictDurableObject(ROOM.getByName(name));
    const { missed } = await ROOM.getByName(name).members("shard-1", 1, { ...place, offset: 30 });
    expect(textsOf(missed)).toEqual(Array.from({ length: 100 }, (_, index) => `${index + 31}`));
    expect(await kept(name)).toMatchObject({ messages: 100 });
  });
});

describe("a room object that is left alone", () => {
  testEviction(ROOM, (index) => `idle://${index}`, {
    members: ["shard-1", 1],
    push: [{ op: 1_000, body: bytes("a") }],
    online: [],
  });
});
