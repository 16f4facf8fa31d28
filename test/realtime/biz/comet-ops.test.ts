import { describe, expect, it } from "vitest";
import { ROOM_CHANGES_PER_MINUTE_MAX, UNREAD_BYTES_MAX } from "../../../src/contracts/realtime.ts";
import { packet } from "../../../src/realtime/biz/packets.ts";
import { cometWorld, messageOf } from "../support/comet-world.ts";

const body = new TextEncoder().encode("hello");
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);

describe("goim's ops", () => {
  it("acks op 4 and whatever is unknown with the same op and seq and an empty body", async () => {
    const world = cometWorld();
    const socket = await world.guest();
    socket.received();
    for (const op of [4, 1_500, -1, 2002, 2005]) world.send(socket, op, "x", op + 7);
    expect(socket.received().map(({ op, seq, body: text }) => [op, seq, text])).toEqual(
      [4, 1_500, -1, 2002, 2005].map((op) => [op, op + 7, ""]),
    );
  });

  it("answers a heartbeat with how many are online in the room", async () => {
    const world = cometWorld();
    world.rooms.onMembers = async () => ({ place: { epoch: "e", offset: 0 }, online: 77 });
    const [outside, inside] = [await world.guest(), await world.guest({ room_id: "live://1" })];
    outside.received();
    inside.received();
    world.send(outside, 2, "", 4);
    world.send(inside, 2, "", 5);
    expect(outside.received()).toMatchObject([{ op: 3, seq: 4, body: "\0\0\0\0" }]);
    expect(inside.received()).toMatchObject([{ op: 3, seq: 5, body: "\0\0\0M" }]);
  });

  it("echoes subscriptions, which decide what is pushed", async () => {
    const world = cometWorld();
    const socket = await world.guest({ key: "k", accepts: [1000] });
    const push = (op: number) => world.comet.pushKeys(null, ["k"], { op, body });
    world.send(socket, 14, "1001, 1002", 2);
    world.send(socket, 16, "1000", 3);
    expect(socket.received().slice(1)).toMatchObject([
      { op: 15, seq: 2, body: "1001, 1002" },
      { op: 17, seq: 3, body: "1000" },
    ]);
    expect([push(1000), push(1001), push(1002)]).toEqual([0, 1, 1]);
    expect(socket.received()).toMatchObject([
      { op: 1001, seq: 0, ver: 1, isEnveloped: true },
      { op: 1002, seq: 0, ver: 1, isEnveloped: true },
    ]);
  });

  it.each([
    ["a word", "1,x"],
    ["a number that has no place in a packet", "2147483648"],
    ["more ops than a socket may take", numbers(1_000, 257).join(",")],
  ])("closes a socket that subscribes to %s", async (_, text) => {
    const world = cometWorld();
    const socket = await world.guest();
    world.send(socket, 14, text);
    expect(socket.closed?.code).toBe(4422);
  });

  it("counts subscriptions together, each op once", async () => {
    const world = cometWorld();
    const socket = await world.guest({ accepts: numbers(1_000, 200) });
    world.send(socket, 14, numbers(1_100, 156).join(","));
    expect(socket.state?.accepts).toHaveLength(256);
    world.send(socket, 14, "9999");
    expect(socket.closed?.code).toBe(4422);
  });

  it("changes the room, echoes it, and does nothing where it is the same", async () => {
    const world = cometWorld();
    const socket = await world.guest();
    socket.received();
    for (const room of ["live://1", "live://1", "live://2", ""]) {
      world.send(socket, 12, room);
      await world.settle();
    }
    expect(socket.received().map(({ op, body: text }) => [op, text])).toEqual([
      [13, "live://1"],
      [13, "live://1"],
      [13, "live://2"],
      [13, ""],
    ]);
    expect(world.rooms.calls.map(({ room, count }) => `${room} ${count}`)).toEqual([
      "live://1 1",
      "live://1 0",
      "live://2 1",
      "live://2 0",
    ]);
  });

  it("closes a socket that wanders through rooms: each that was empty is one more object", async () => {
    const world = cometWorld();
    const socket = await world.guest();
    const rooms = new Set<string>();
    for (let count = 0; count < 200 && socket.closed === null; count += 1) {
      world.send(socket, 12, `live://${count}`);
      await world.pass(100);
      for (const { room } of world.rooms.calls) rooms.add(room);
    }
    expect(socket.closed).toEqual({
      code: 4429,
      detail: `more than ${ROOM_CHANGES_PER_MINUTE_MAX} changes of the room in a minute`,
    });
    expect(rooms.size).toBeLessThanOrEqual(ROOM_CHANGES_PER_MINUTE_MAX + 10);
    expect(world.rooms.calls.at(-1)).toMatchObject({ count: 0 });
  });

  it("lets who zaps do so: at once for a while, and then at a pace", async () => {
    const world = cometWorld();
    const socket = await world.guest();
    const zap = async (times: number, everyMs: number) => {
      for (let count = 0; count < times; count += 1) {
        world.send(socket, 12, `live://${count}`);
        await world.pass(everyMs);
      }
    };
    await zap(ROOM_CHANGES_PER_MINUTE_MAX, 100);
    await zap(2 * ROOM_CHANGES_PER_MINUTE_MAX, 60_000 / ROOM_CHANGES_PER_MINUTE_MAX);
    for (let count = 0; count < 40; count += 1) {
      world.send(socket, 12, `live://${2 * ROOM_CHANGES_PER_MINUTE_MAX - 1}`);
      await world.pass(100);
    }
    expect(socket.closed).toBeNull();
  });

  it.each(["live", "live://", "a b://c", `live://${"x".repeat(122)}`, "\u00ff://"])(
    "closes a socket that asks for the room %s",
    async (room) => {
      const world = cometWorld();
      const socket = await world.guest();
      world.send(socket, 12, room);
      expect(socket.closed?.code).toBe(4422);
    },
  );
});

describe("a packet that can't be answered for a fault of ours", () => {
  it("closes its socket alone, and is told", async () => {
    const world = cometWorld();
    const [struck, other] = [await world.guest(), await world.guest()];
    struck.save = () => {
      throw new Error("a bug");
    };
    world.comet.message(struck, new Uint8Array([...packet(2, 1, body), ...packet(4, 2, body)]));
    world.send(other, 2);
    expect(struck.closed?.code).toBe(1012);
    expect(other.closed).toBeNull();
    expect(world.failures).toEqual(["answer a packet: Error: a bug"]);
  });
});

describe("what a socket may send", () => {
  it("is cut into packets however it comes", async () => {
    const world = cometWorld();
    const socket = world.connect({ door: "goim" });
    const bytes = packet(7, 3, new TextEncoder().encode('{"key":"k"}'));
    for (const byte of bytes) world.comet.message(socket, Uint8Array.of(byte));
    expect(socket.received()).toMatchObject([{ op: 8, seq: 3 }]);
    world.comet.message(socket, new Uint8Array([...packet(4, 1, body), ...packet(4, 2, body)]));
    expect(socket.received().map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it("is twenty packets a second", async () => {
    const world = cometWorld();
    const socket = await world.guest();
    await world.pass(1_000);
    for (let count = 0; count < 20; count += 1) world.send(socket, 4);
    await world.pass(50);
    world.send(socket, 4);
    expect(socket.closed).toBeNull();
    expect(socket.received()).toHaveLength(22);
    world.send(socket, 4);
    expect(socket.closed?.code).toBe(4429);
    expect(socket.received()).toHaveLength(0);
  });

  it("is twenty also where they come in one message, of which none is done then", async () => {
    const world = cometWorld();
    const socket = await world.guest();
    socket.received();
    world.comet.message(socket, new Uint8Array(numbers(0, 21).flatMap((seq) => [...packet(4, seq, body)])));
    expect(socket.closed?.code).toBe(4429);
    expect(socket.received()).toEqual([]);
  });

  it("is so many pieces a second, however small", async () => {
    const world = cometWorld();
    const socket = await world.guest();
    const bytes = packet(4, 1, new Uint8Array(4_000));
    for (const byte of bytes) world.comet.message(socket, Uint8Array.of(byte));
    expect(socket.closed?.code).toBe(4429);
  });

  it("is whole within eight seconds", async () => {
    const world = cometWorld();
    const socket = await world.guest();
    world.comet.message(socket, packet(4, 1, body).subarray(0, 18));
    await world.pass(7_999);
    expect(socket.closed).toBeNull();
    await world.pass(1);
    expect(socket.closed?.code).toBe(1002);
  });

  it("is bytes, not text", async () => {
    const world = cometWorld();
    const socket = await world.guest();
    world.comet.message(socket, "hello");
    expect(socket.closed?.code).toBe(1002);
  });

  it("is refused as soon as it can't be a packet", async () => {
    const world = cometWorld();
    const [short, long] = [await world.guest(), await world.guest()];
    world.comet.message(short, Uint8Array.of(0, 0, 0, 15));
    world.comet.message(long, Uint8Array.of(0, 0, 0x10, 0x11));
    expect([short.closed?.code, long.closed?.code]).toEqual([1002, 1009]);
  });
});

describe("a socket that doesn't read", () => {
  const fill = (world: ReturnType<typeof cometWorld>) => {
    const big = new Uint8Array(4_096);
    for (let sent = 0; sent < UNREAD_BYTES_MAX; sent += big.length)
      world.comet.pushAll({ op: 1_000, body: big });
  };

  it("is cut when it has been sent a megabyte since its last sign of life, and harms nobody", async () => {
    const world = cometWorld();
    const stalled = await world.guest({ accepts: [1_000], room_id: "live://1" });
    const well = await world.guest({ accepts: [1_000], room_id: "live://1" });
    await world.pass(1);
    well.pingedMs = world.time.now();
    fill(world);
    expect(stalled.closed?.code).toBe(4413);
    expect(well.closed).toBeNull();
    expect(world.comet.pushRoom("live://1", "e", [messageOf(1)])).toBe(1);
  });

  it("is alive by its pings also where the clock was set back since its last message", async () => {
    const world = cometWorld();
    world.setClock(3_600_000);
    const [well, stalled] = [
      await world.guest({ accepts: [1_000] }),
      await world.guest({ accepts: [1_000] }),
    ];
    await world.pass(1);
    stalled.pingedMs = world.time.now() + 3_600_000;
    world.send(stalled, 4);
    world.setClock(0);
    well.pingedMs = world.time.now();
    fill(world);
    expect([well.closed, stalled.closed?.code]).toEqual([null, 4413]);
    fill(world);
    expect(well.closed?.code).toBe(4413);
  });

  it("is alive by any message that it sends", async () => {
    const world = cometWorld();
    const socket = await world.guest({ accepts: [1_000] });
    for (let round = 0; round < 3; round += 1) {
      world.comet.pushAll({ op: 1_000, body: new Uint8Array(UNREAD_BYTES_MAX / 2) });
      world.send(socket, 4);
    }
    expect(socket.closed).toBeNull();
  });
});
