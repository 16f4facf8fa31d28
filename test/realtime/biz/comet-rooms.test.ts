import { describe, expect, it } from "vitest";
import type { RoomPlace } from "../../../src/contracts/realtime.ts";
import { HELD_MAX } from "../../../src/realtime/biz/room-members.ts";
import { cometWorld, messageOf } from "../support/comet-world.ts";
import type { FakeSocket } from "../support/fake-socket.ts";

const ROOM = "live://1";
const calls = (world: ReturnType<typeof cometWorld>) => world.rooms.calls.map(({ count }) => count);
const placeIn = (offset: number, epoch = "e"): RoomPlace => ({ epoch, offset });
const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
const messages = (first: number, last: number) => range(first, last).map((offset) => messageOf(offset));

/** What a socket was told of the room: places, and offsets of messages. */
const told = (socket: FakeSocket) =>
  socket
    .received()
    .filter(({ op }) => op === 2007 || op === 1_000)
    .map(({ op, seq, body }) => (op === 2007 ? JSON.parse(body) : seq));

describe("a room's members", () => {
  it("are told to it at the first at once, at the last one's leaving at once, between within 10 s", async () => {
    const world = cometWorld();
    const [first, second] = [await world.guest({ room_id: ROOM }), await world.guest({ room_id: ROOM })];
    expect(calls(world)).toEqual([1]);
    await world.guest({ room_id: ROOM }).then((third) => world.hangUp(third));
    await world.pass(10_000);
    expect(calls(world)).toEqual([1, 2]);
    world.hangUp(first);
    await world.settle();
    expect(calls(world)).toEqual([1, 2]);
    world.hangUp(second);
    await world.settle();
    expect(calls(world)).toEqual([1, 2, 0]);
    await world.pass(60_000);
    expect(calls(world)).toEqual([1, 2, 0]);
  });

  it("are told as they are then: one call at a time", async () => {
    const world = cometWorld();
    const gate = Promise.withResolvers<void>();
    world.rooms.onMembers = async (_, count) => {
      await gate.promise;
      return { place: placeIn(0), online: count };
    };
    const first = await world.guest({ room_id: ROOM });
    world.hangUp(first);
    await world.settle();
    expect(calls(world)).toEqual([1]);
    gate.resolve();
    await world.settle();
    expect(calls(world)).toEqual([1, 0]);
  });

  it("are told again where the call failed, also where its effect isn't known", async () => {
    const world = cometWorld();
    let isAway = true;
    world.rooms.onMembers = async (_, count) => {
      if (isAway) throw new Error("away");
      return { place: placeIn(3), online: count };
    };
    const socket = await world.signIn("a", { room_id: ROOM });
    expect(told(socket)).toEqual([]);
    isAway = false;
    await world.pass(10_000);
    expect(calls(world)).toEqual([1, 1]);
    expect(told(socket)).toEqual([{ room: ROOM, ...placeIn(3) }]);
    expect(world.failures).toHaveLength(1);
  });

  it("are let go of where the room stays away: they would hear nothing", async () => {
    const world = cometWorld();
    world.rooms.onMembers = () => Promise.reject(new Error("away"));
    const [goim, own] = [await world.guest({ room_id: ROOM }), await world.signIn("a", { room_id: ROOM })];
    await world.pass(5_000);
    expect([goim.closed?.code, own.closed?.code]).toEqual([1012, 1012]);
    const asked = world.rooms.calls.length;
    await world.pass(600_000);
    expect(world.rooms.calls).toHaveLength(asked);
  });

  it("stay where the room knows of them: only who waits for its answer is let go of", async () => {
    const world = cometWorld();
    const [goim, own] = [await world.guest({ room_id: ROOM }), await world.signIn("a", { room_id: ROOM })];
    await world.pass(10_000);
    world.rooms.onMembers = () => Promise.reject(new Error("away"));
    const late = await world.signIn("b", { room_id: ROOM, room_since: placeIn(9) });
    await world.guest({ room_id: ROOM });
    await world.pass(20_000);
    expect([goim, own, late].map(({ closed }) => closed?.code)).toEqual([undefined, undefined, 1012]);
    expect(world.comet.pushRoom(ROOM, "e", [messageOf(1)])).toBe(3);
    expect(world.time.next()).toBeNull();
  });

  it("are not let go of because a room's turn came late: only calls count that have failed", async () => {
    const world = cometWorld();
    const gate = Promise.withResolvers<void>();
    let isAway = true;
    world.rooms.onMembers = async (room, count) => {
      if (room !== ROOM) await gate.promise;
      else if (isAway) throw new Error("away for a moment");
      return { place: placeIn(3), online: count };
    };
    for (let others = 0; others < 32; others += 1) await world.guest({ room_id: `others://${others}` });
    const [goim, own] = [await world.guest({ room_id: ROOM }), await world.signIn("a", { room_id: ROOM })];
    await world.pass(3_500);
    gate.resolve();
    await world.settle();
    isAway = false;
    await world.pass(1_000);
    expect([goim.closed, own.closed]).toEqual([null, null]);
    expect(told(own)).toEqual([{ room: ROOM, ...placeIn(3) }]);
  });

  it("are let go of in time where the room stays away, also where the clock is set back meanwhile", async () => {
    const world = cometWorld();
    world.rooms.onMembers = () => Promise.reject(new Error("away"));
    const own = await world.signIn("a", { room_id: ROOM });
    world.setClock(-3_600_000);
    await world.pass(5_000);
    expect(own.closed?.code).toBe(1012);
  });

  it("are counted anew while somebody beats, also where the clock is set back", async () => {
    const world = cometWorld();
    const socket = await world.guest({ room_id: ROOM });
    world.setClock(-3_600_000);
    world.send(socket, 2);
    await world.pass(10_000);
    expect(calls(world)).toEqual([1, 1]);
  });

  it("are known after hibernation, without telling anybody", async () => {
    const world = cometWorld();
    const [first, second] = [await world.guest({ room_id: ROOM }), await world.guest({ room_id: ROOM })];
    await world.pass(10_000);
    world.hibernate();
    expect(world.comet.pushRoom(ROOM, "e", [messageOf(1)])).toBe(2);
    await world.pass(10_000);
    expect(calls(world)).toEqual([1, 2]);
    world.hibernate();
    world.hangUp(first);
    world.hibernate();
    world.hangUp(second);
    await world.settle();
    expect(calls(world).slice(2)).toEqual([0]);
  });

  it("are counted anew while somebody beats, once a minute, also after hibernation", async () => {
    const world = cometWorld();
    let online = 5;
    world.rooms.onMembers = async () => ({ place: placeIn(0), online });
    const socket = await world.guest({ room_id: ROOM });
    const beat = async () => {
      socket.received();
      world.send(socket, 2);
      const [reply] = socket.received();
      await world.pass(10_000);
      return reply?.body.charCodeAt(3);
    };
    expect([await beat(), world.rooms.calls.length]).toEqual([5, 1]);
    online = 6;
    await world.pass(50_000);
    expect([await beat(), await beat(), world.rooms.calls.length]).toEqual([5, 6, 2]);
    world.hibernate();
    expect([await beat(), await beat(), world.rooms.calls.length]).toEqual([1, 6, 3]);
  });

  it("are counted where nothing is pushed", async () => {
    const world = cometWorld();
    await world.guest({ room_id: ROOM });
    expect(world.comet.pushRoom(ROOM, "e", [])).toBe(1);
    expect(world.comet.pushRoom("live://2", "e", [])).toBe(0);
  });
});

describe("a push to a room", () => {
  it("reaches all its members, whatever they accept, and nobody else", async () => {
    const world = cometWorld();
    const goim = await world.guest({ room_id: ROOM, accepts: [] });
    const own = await world.signIn("a", { room_id: ROOM });
    const elsewhere = await world.guest({ room_id: "live://2", accepts: [1_000] });
    for (const socket of [goim, own, elsewhere]) socket.received();
    expect(world.comet.pushRoom(ROOM, "e", messages(1, 2))).toBe(2);
    expect(goim.messages).toHaveLength(1);
    expect(goim.received()).toMatchObject([
      { op: 1_000, seq: 0, ver: 1, body: "m1", isEnveloped: true },
      { op: 1_000, seq: 0, ver: 1, body: "m2", isEnveloped: true },
    ]);
    expect(own.received().filter(({ op }) => op === 1_000)).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    expect(elsewhere.received()).toEqual([]);
  });

  it("goes bare over TCP", async () => {
    const world = cometWorld();
    const socket = await world.guest({ room_id: ROOM }, true);
    socket.received();
    world.comet.pushRoom(ROOM, "e", messages(1, 2));
    expect(socket.received()).toMatchObject([{ isEnveloped: false }, { isEnveloped: false }]);
  });

  it("that comes twice is told once", async () => {
    const world = cometWorld();
    const goim = await world.guest({ room_id: ROOM });
    goim.received();
    world.comet.pushRoom(ROOM, "e", messages(1, 2));
    world.comet.pushRoom(ROOM, "e", messages(1, 3));
    expect(goim.received().map(({ body }) => body)).toEqual(["m1", "m2", "m3"]);
  });

  it("of another life of the room tells ours so, and counts from the beginning", async () => {
    const world = cometWorld();
    const own = await world.signIn("a", { room_id: ROOM });
    world.comet.pushRoom(ROOM, "e", messages(1, 5));
    told(own);
    world.comet.pushRoom(ROOM, "f", messages(1, 1));
    expect(told(own)).toEqual([{ room: ROOM, ...placeIn(0, "f") }, 1]);
  });
});

describe("a client of ours in a room", () => {
  it("is told where the room is; one more that comes needs no question", async () => {
    const world = cometWorld();
    world.rooms.onMembers = async (_, count) => ({ place: placeIn(7), online: count });
    const first = await world.signIn("a", { room_id: ROOM });
    world.comet.pushRoom(ROOM, "e", messages(8, 9));
    const second = await world.signIn("b", { room_id: ROOM });
    expect(told(first)).toEqual([{ room: ROOM, ...placeIn(7) }, { room: ROOM, ...placeIn(7) }, 8, 9]);
    expect(told(second)).toEqual([{ room: ROOM, ...placeIn(9) }]);
    expect(calls(world)).toEqual([1]);
  });

  it("gets what it missed, then what came meanwhile, in order and nothing twice", async () => {
    const world = cometWorld();
    const gate = Promise.withResolvers<void>();
    world.rooms.onMembers = async (_, count, since) => {
      await gate.promise;
      return { place: placeIn(6), online: count, missed: messages((since?.offset ?? 0) + 1, 6) };
    };
    const socket = await world.signIn("a", { room_id: ROOM, room_since: placeIn(3) });
    world.comet.pushRoom(ROOM, "e", messages(6, 7));
    world.comet.pushRoom(ROOM, "e", messages(8, 8));
    expect(told(socket)).toEqual([]);
    gate.resolve();
    await world.settle();
    world.comet.pushRoom(ROOM, "e", messages(9, 9));
    expect(told(socket)).toEqual([{ room: ROOM, ...placeIn(6) }, 4, 5, 6, 7, 8, 9]);
  });

  it("is not taken for up to date because a call came late to a comet that had lost its memory", async () => {
    const world = cometWorld();
    world.rooms.onMembers = async (_, count, since) => ({
      place: placeIn(6),
      online: count,
      ...(since && { missed: messages(since.offset + 1, 6) }),
    });
    await world.signIn("a", { room_id: ROOM });
    world.hibernate();
    world.comet.pushRoom(ROOM, "e", messages(4, 4));
    const back = await world.signIn("b", { room_id: ROOM, room_since: placeIn(4) });
    expect(told(back)).toEqual([{ room: ROOM, ...placeIn(6) }, 5, 6]);
    // What was pushed while the room answered counts, too.
    world.comet.pushRoom(ROOM, "e", messages(7, 7));
    expect(told(await world.signIn("c", { room_id: ROOM }))).toEqual([{ room: ROOM, ...placeIn(7) }]);
  });

  it("is where it has said that it is, though a call comes late that was sent before", async () => {
    const world = cometWorld();
    world.rooms.onMembers = async (_, count) => ({ place: placeIn(6), online: count });
    await world.signIn("a", { room_id: ROOM });
    world.comet.pushRoom(ROOM, "e", messages(4, 4));
    expect(told(await world.signIn("b", { room_id: ROOM }))).toEqual([{ room: ROOM, ...placeIn(6) }]);
    world.comet.pushRoom(ROOM, "e", messages(7, 7));
    expect(told(await world.signIn("c", { room_id: ROOM }))).toEqual([{ room: ROOM, ...placeIn(7) }]);
  });

  it("is asked for where it comes while the room is told that nobody is left: it may miss something then", async () => {
    const world = cometWorld();
    let offset = 6;
    const gates: (() => void)[] = [];
    world.rooms.onMembers = async (_, count, since) => {
      const place = placeIn(offset);
      await new Promise<void>((resolve) => void gates.push(resolve));
      return { place, online: count, ...(since && { missed: messages(since.offset + 1, place.offset) }) };
    };
    const answer = async (): Promise<void> => {
      gates.shift()?.();
      await world.settle();
    };
    const first = await world.guest({ room_id: ROOM });
    world.hangUp(first);
    await answer();
    expect(calls(world)).toEqual([1, 0]);
    // The room sends us nothing any more.
    offset = 8;
    const back = await world.signIn("b", { room_id: ROOM, room_since: placeIn(6) });
    await answer();
    await answer();
    await answer();
    expect(told(back)).toEqual([{ room: ROOM, ...placeIn(8) }, 7, 8]);
  });

  it("is told that it can't have it: too old, of another life, or too much meanwhile", async () => {
    const world = cometWorld();
    const gate = Promise.withResolvers<void>();
    world.rooms.onMembers = async (_, count) => {
      await gate.promise;
      return { place: placeIn(300), online: count, missed: null };
    };
    const old = await world.signIn("a", { room_id: ROOM, room_since: placeIn(3) });
    const other = await world.signIn("b", { room_id: ROOM, room_since: placeIn(299, "d") });
    gate.resolve();
    await world.settle();
    const missed = { room: ROOM, ...placeIn(300), missed: true };
    expect([told(old), told(other)]).toEqual([[missed], [missed]]);

    const second = Promise.withResolvers<void>();
    world.rooms.onMembers = async (_, count) => {
      await second.promise;
      return { place: placeIn(300), online: count, missed: [] };
    };
    const late = await world.signIn("c", { room_id: ROOM, room_since: placeIn(200) });
    world.comet.pushRoom(ROOM, "e", messages(301, 301 + HELD_MAX));
    second.resolve();
    await world.settle();
    expect(told(late)).toEqual([{ room: ROOM, ...placeIn(301 + HELD_MAX), missed: true }]);
  });

  it("is one of thousands who come back: one question answers all, each gets its own part", async () => {
    const world = cometWorld();
    const gate = Promise.withResolvers<void>();
    world.rooms.onMembers = async (_, count, since) => {
      await gate.promise;
      const from = since?.offset ?? 0;
      return { place: placeIn(9), online: count, missed: from < 3 ? null : messages(from + 1, 9) };
    };
    const first = await world.signIn("first", { room_id: ROOM });
    const sockets: FakeSocket[] = [];
    for (const offset of range(1, 9))
      sockets.push(await world.signIn(`u${offset}`, { room_id: ROOM, room_since: placeIn(offset) }));
    gate.resolve();
    await world.settle();
    expect(told(first)).toEqual([{ room: ROOM, ...placeIn(9) }]);
    for (const [index, socket] of sockets.entries()) {
      const offset = index + 1;
      const place = { room: ROOM, ...placeIn(9) };
      expect(told(socket)).toEqual(
        offset < 3 ? [{ ...place, missed: true }] : [place, ...range(offset + 1, 9)],
      );
    }
    // The first member; those who have been away since 1, 2, 3: the third can be answered.
    expect(world.rooms.calls.map(({ since }) => since?.offset)).toEqual([undefined, 1, 2, 3]);
  });
});
