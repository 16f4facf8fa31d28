import { describe, expect, it } from "vitest";
import { cometWorld } from "../support/comet-world.ts";
import type { FakeSocket } from "../support/fake-socket.ts";

const devices = (socket: FakeSocket) =>
  socket
    .received()
    .filter(({ op }) => op === 2004)
    .map(({ body }) => JSON.parse(body).devices.map(({ id }: { id: string }) => id));
const commands = (socket: FakeSocket) =>
  socket
    .received()
    .filter(({ op }) => op === 2005)
    .map(({ seq, body }) => ({ seq, body: body === "" ? "" : JSON.parse(body) }));

describe("a user's devices", () => {
  it("are told of each other when one comes or goes, with name and time", async () => {
    const world = cometWorld();
    const phone = await world.signIn("a", { device: { id: "phone", name: "my phone" } });
    const openedAt = world.time.now();
    expect(phone.received().filter(({ op }) => op === 2004)).toMatchObject([
      { seq: 0, body: JSON.stringify({ devices: [{ id: "phone", name: "my phone", since: openedAt }] }) },
    ]);
    await world.pass(10);
    const tv = await world.signIn("a", { device: { id: "tv" } });
    await world.signIn("b", { device: { id: "other" } });
    expect([devices(phone), devices(tv)]).toEqual([[["phone", "tv"]], [["phone", "tv"]]]);
    world.hangUp(tv);
    expect(devices(phone)).toEqual([["phone"]]);
  });

  it("are not told again of what they know", async () => {
    const world = cometWorld();
    const phone = await world.signIn("a", { device: { id: "phone" } });
    devices(phone);
    const nameless = await world.signIn("a");
    const secondTab = await world.signIn("a", { device: { id: "phone" } });
    expect([devices(phone), devices(nameless), devices(secondTab)]).toEqual([[], [["phone"]], [["phone"]]]);
  });

  it("don't see goim's clients", async () => {
    const world = cometWorld();
    const phone = await world.signIn("a", { device: { id: "phone" } });
    devices(phone);
    const goims = world.connect({
      door: "goim",
      user: { userId: "a", sessionId: "s", roles: ["user"] },
    });
    world.send(goims, 7, { device: { id: "goim" } });
    world.hangUp(goims);
    expect([devices(phone), devices(goims)]).toEqual([[], []]);
  });
});

describe("a command", () => {
  it("reaches the device that it names, says who sent it, and is acked", async () => {
    const world = cometWorld();
    const phone = await world.signIn("a", { device: { id: "phone" } });
    const tv = await world.signIn("a", { device: { id: "tv" } });
    const item = { kind: "video", itemId: "m1" };
    world.send(phone, 2005, { to: "tv", command: "play", item, positionMs: 5_000 }, 3);
    expect(commands(phone)).toEqual([{ seq: 3, body: "" }]);
    expect(commands(tv)).toEqual([
      { seq: 0, body: { from: "phone", command: "play", item, positionMs: 5_000 } },
    ]);
  });

  it("never reaches another user's device, nor the sender", async () => {
    const world = cometWorld();
    const phone = await world.signIn("a", { device: { id: "phone" } });
    const theirs = await world.signIn("b", { device: { id: "tv" } });
    for (const to of ["tv", "phone"]) world.send(phone, 2005, { to, command: "pause" });
    expect(commands(phone)).toMatchObject([
      { body: { code: "NOT_FOUND", status: 404 } },
      { body: { code: "NOT_FOUND", status: 404 } },
    ]);
    expect(commands(theirs)).toEqual([]);
  });

  it("that is none is answered with a problem", async () => {
    const world = cometWorld();
    const phone = await world.signIn("a", { device: { id: "phone" } });
    world.send(phone, 2005, { to: "tv", command: "explode" });
    expect(commands(phone)).toMatchObject([{ body: { code: "INVALID" } }]);
    expect(phone.closed).toBeNull();
  });

  it("that fail for a fault of ours are told", async () => {
    const world = cometWorld();
    const [phone, tv] = [await world.signIn("a"), await world.signIn("a", { device: { id: "tv" } })];
    tv.send = () => {
      throw new Error("a bug");
    };
    world.send(phone, 2005, { to: "tv", command: "pause" });
    expect(phone.closed?.code).toBe(1012);
    expect(world.failures).toEqual(["answer a packet: Error: a bug"]);
  });
});
