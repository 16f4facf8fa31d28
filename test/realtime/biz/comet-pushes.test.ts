import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cometWorld, messageOf, userOf } from "../support/comet-world.ts";
import type { FakeSocket } from "../support/fake-socket.ts";

const body = new TextEncoder().encode("hello");
const hears = (socket: FakeSocket) => socket.received().filter(({ body: text }) => text === "hello").length;

describe("a push", () => {
  it("to users reaches each socket of theirs that accepts it, goim's too", async () => {
    const world = cometWorld();
    const own = await world.signIn("a", { accepts: [1_000] });
    const goims = world.connect({ door: "goim", user: userOf("a") });
    world.send(goims, 7, { accepts: [1_000] });
    const deaf = await world.signIn("a");
    const other = await world.signIn("b", { accepts: [1_000] });
    const ids = ["a", "a", "nobody"];
    expect(world.comet.pushUsers(ids, { op: 1_000, body })).toBe(2);
    expect([own, goims, deaf, other].map(hears)).toEqual([1, 1, 0, 0]);
  });

  it("to users never reaches a guest, nor one who has not signed in yet", async () => {
    const world = cometWorld();
    world.connect({ user: userOf("a") });
    await world.guest({ mid: "a", accepts: [1_000] });
    expect(world.comet.pushUsers(["a"], { op: 1_000, body })).toBe(0);
    expect(world.comet.pushAll({ op: 1_000, body })).toBe(1);
  });

  it("to keys reaches those of the user, or of guests", async () => {
    const world = cometWorld();
    const mine = await world.signIn("a", { key: "k", accepts: [1_000] });
    const guest = await world.guest({ key: "k", accepts: [1_000] });
    expect(world.comet.pushKeys("a", ["k", "k", "x"], { op: 1_000, body })).toBe(1);
    expect([mine, guest].map(hears)).toEqual([1, 0]);
    expect(world.comet.pushKeys(null, ["k"], { op: 1_000, body })).toBe(1);
    expect([mine, guest].map(hears)).toEqual([0, 1]);
  });

  it("of an op of our own need not be accepted, and goim's clients are spared it", async () => {
    const world = cometWorld();
    const own = await world.signIn("a");
    const goims = world.connect({ door: "goim", user: userOf("a") });
    world.send(goims, 7, { accepts: [2003] });
    expect(world.comet.pushUsers(["a"], { op: 2003, body })).toBe(1);
    expect([own, goims].map(hears)).toEqual([1, 0]);
  });

  it("finds sockets and users counted", async () => {
    const world = cometWorld();
    const sockets = [await world.signIn("a"), await world.signIn("a"), await world.guest()];
    expect(world.comet.online()).toEqual({ sockets: 3, users: 1 });
    for (const socket of sockets) world.hangUp(socket);
    expect(world.comet.online()).toEqual({ sockets: 0, users: 0 });
  });
});

describe("hibernation", () => {
  type Step =
    | { readonly do: "sign in"; readonly user: string | null; readonly key: string; readonly room: string }
    | { readonly do: "room"; readonly of: number; readonly room: string }
    | { readonly do: "subscribe" | "unsubscribe"; readonly of: number; readonly op: number }
    | { readonly do: "hang up"; readonly of: number }
    | { readonly do: "beat"; readonly of: number };
  const of = fc.nat(11);
  const room = fc.constantFrom("", "live://1", "live://2");
  const op = fc.constantFrom(1_000, 1_001);
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      do: fc.constant("sign in" as const),
      user: fc.constantFrom("a", "b", null),
      key: fc.constantFrom("", "k1", "k2"),
      room,
    }),
    fc.record({ do: fc.constant("room" as const), of, room }),
    fc.record({ do: fc.constantFrom("subscribe" as const, "unsubscribe" as const), of, op }),
    fc.record({ do: fc.constantFrom("hang up" as const, "beat" as const), of }),
  );

  /** What every socket is told by every kind of push, and what the pushes answer. */
  const probe = (world: ReturnType<typeof cometWorld>, sockets: readonly FakeSocket[], offset: number) => {
    for (const socket of sockets) socket.received();
    const { comet } = world;
    const delivered = [1_000, 1_001].flatMap((pushed) => [
      comet.pushAll({ op: pushed, body }),
      comet.pushUsers(["a"], { op: pushed, body }),
      comet.pushKeys("b", ["k1"], { op: pushed, body }),
      comet.pushKeys(null, ["k1", "k2"], { op: pushed, body }),
    ]);
    for (const name of ["live://1", "live://2"])
      delivered.push(comet.pushRoom(name, "e", [messageOf(offset)]));
    delivered.push(comet.changed([{ userId: "a", changes: [], cursor: "1" }]).length);
    const told = sockets.map((socket) => socket.received().filter((packet) => packet.op !== 2007));
    return { delivered, told, online: comet.online() };
  };

  it("changes nothing: what is built from the sockets behaves as what was there before", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, oftener) => {
        // Two comets live through the same; one of them loses its memory.
        const worlds = [cometWorld(), cometWorld()] as const;
        const all: (readonly FakeSocket[])[] = [];
        for (const [index, world] of worlds.entries()) {
          const sockets: FakeSocket[] = [];
          for (const one of steps) {
            await take(world, sockets, one);
            if (index === 1 && oftener) {
              await world.pass(0);
              world.hibernate();
            }
          }
          await world.pass(10_000);
          if (index === 1) world.hibernate();
          all.push(sockets);
        }
        const [before, after] = worlds.map((world, index) => probe(world, all[index] ?? [], 5));
        expect(after).toEqual(before);
        expect(all[1]?.map(({ closed }) => closed)).toEqual(all[0]?.map(({ closed }) => closed));
      }),
      { numRuns: 200 },
    );
  });

  async function take(world: ReturnType<typeof cometWorld>, sockets: FakeSocket[], one: Step): Promise<void> {
    if (one.do === "sign in") {
      if (sockets.length >= 12) return;
      const auth = { key: one.key, room_id: one.room, accepts: [1_000] };
      sockets.push(await (one.user === null ? world.guest(auth) : world.signIn(one.user, auth)));
      return;
    }
    const socket = sockets[one.of];
    if (socket === undefined || socket.closed !== null) return;
    if (one.do === "hang up") world.hangUp(socket);
    else if (one.do === "beat") world.send(socket, 2);
    else if (one.do === "room") world.send(socket, 12, one.room);
    else world.send(socket, one.do === "subscribe" ? 14 : 16, String(one.op));
    await world.settle();
  }
});
