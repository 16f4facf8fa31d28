import { describe, expect, it } from "vitest";
import { packet } from "../../../src/realtime/biz/packets.ts";
import { cometWorld, userOf } from "../support/comet-world.ts";

const tokenOf = (userId: string) => `x.${btoa(JSON.stringify({ sub: userId })).replaceAll("=", "")}.y`;

describe("signing in", () => {
  it("answers op 8 with the seq and ver that it was given", async () => {
    const world = cometWorld();
    const socket = world.connect({ door: "goim" });
    world.comet.message(socket, packet(7, 9, new TextEncoder().encode("{}"), 3));
    expect(socket.received()).toMatchObject([{ op: 8, seq: 9, ver: 3, body: "", isEnveloped: false }]);
  });

  it("takes what goim's own client sends", async () => {
    const world = cometWorld();
    const socket = await world.guest({
      mid: 123,
      key: "",
      room_id: "live://1000",
      platform: "web",
      accepts: [1000, 1001],
    });
    expect(socket.received().map(({ op }) => op)).toEqual([8]);
    expect(socket.state).toMatchObject({ room: "live://1000", accepts: [1000, 1001], key: socket.id });
  });

  it("refuses any other packet before op 7", () => {
    const world = cometWorld();
    const socket = world.connect({ door: "goim" });
    world.send(socket, 2);
    expect(socket.closed).toEqual({ code: 1002, detail: "the first packet must be op 7" });
  });

  it("closes a socket that does not sign in within five seconds", async () => {
    const world = cometWorld();
    const silent = world.connect();
    const signedIn = await world.guest();
    await world.pass(4_999);
    expect(silent.closed).toBeNull();
    await world.pass(1);
    expect(silent.closed?.code).toBe(4408);
    expect(signedIn.closed).toBeNull();
  });

  it("closes it also where the timer went with the memory", async () => {
    const world = cometWorld();
    const silent = world.connect({ user: userOf("a") });
    world.hibernate();
    await world.pass(72_000);
    expect(silent.closed?.code).toBe(4408);
  });

  it.each([
    ["{", "The body is not JSON"],
    ['{"room_id":"nowhere"}', "room_id: must be type://id"],
    // As the name of an object it would be another one, and never hear of what is pushed there.
    [String.raw`{"room_id":"live://\ud800"}`, "room_id: must be Unicode"],
    [String.raw`{"key":"\udfff"}`, "key: must be Unicode"],
    ['{"since":"#"}', "since: is not a cursor of ours"],
    [JSON.stringify({ key: "k".repeat(129) }), "key: must have at most 128 bytes"],
  ])("closes a socket that signs in with %s and says why", (body, detail) => {
    const world = cometWorld();
    const socket = world.connect({ user: userOf("a") });
    world.send(socket, 7, body);
    expect(socket.closed).toEqual({ code: 4422, detail });
  });

  it("refuses a token of another user, or one that can't be read, and takes one's own", async () => {
    const world = cometWorld();
    const [another, garbage] = [world.connect({ user: userOf("a") }), world.connect({ user: userOf("a") })];
    world.send(another, 7, { token: tokenOf("b") });
    world.send(garbage, 7, { token: "none" });
    expect([another.closed?.code, garbage.closed?.code]).toEqual([4401, 4401]);
    expect((await world.signIn("a", { token: tokenOf("a") })).received()[0]?.op).toBe(8);
  });

  it("is over at once: a second op 7 is acked like any other and changes nothing", async () => {
    const world = cometWorld();
    const socket = await world.guest({ key: "first" });
    socket.received();
    world.send(socket, 7, { key: "second" }, 5);
    expect(socket.received()).toMatchObject([{ op: 7, seq: 5, body: "" }]);
    expect(socket.state?.key).toBe("first");
  });
});

describe("a key", () => {
  it("has one socket: who takes it closes the one before", async () => {
    const world = cometWorld();
    const first = await world.signIn("a", { key: "k" });
    const second = await world.signIn("a", { key: "k" });
    expect(first.closed?.code).toBe(4409);
    expect(second.closed).toBeNull();
    world.hangUp(first);
    expect(world.comet.pushKeys("a", ["k"], { op: 2003, body: new Uint8Array(1) })).toBe(1);
  });

  it("is its user's: nobody else can close a socket with it", async () => {
    const world = cometWorld();
    const mine = await world.signIn("a", { key: "k" });
    await world.signIn("b", { key: "k" });
    const guest = await world.guest({ key: "k" });
    await world.guest({ key: "k" });
    expect(mine.closed).toBeNull();
    expect(guest.closed?.code).toBe(4409);
  });
});

describe("too many sockets", () => {
  it("of a user: the one goes of which nothing has been heard for longest", async () => {
    const world = cometWorld();
    const [beating, pinging] = [await world.signIn("a"), await world.signIn("a")];
    const sockets = [beating, pinging];
    for (let count = 0; count < 8; count += 1) {
      await world.pass(1_000);
      sockets.push(await world.signIn("a"));
    }
    // The two oldest are alive; a ping wakes nobody.
    world.send(beating, 2);
    pinging.pingedMs = world.time.now();
    sockets.push(await world.signIn("a"));
    expect(sockets.map(({ closed }) => closed?.code ?? 0)).toEqual([0, 0, 4430, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("of a comet: the newcomer finds no place", () => {
    const world = cometWorld();
    const origin = { door: "goim", isTcp: false, user: null } as const;
    const first = world.connect(origin);
    for (let count = 1; count < 20_000; count += 1) world.connect(origin);
    expect(world.comet.admit(origin)).toBeNull();
    world.hangUp(first);
    expect(world.comet.admit(origin)).not.toBeNull();
  });
});
