import { describe, expect, it } from "vitest";
import { IDLE_MS_MAX, SOCKET_AGE_MS_MAX } from "../../../src/contracts/realtime.ts";
import { cometWorld, userOf } from "../support/comet-world.ts";

const MINUTE_MS = 60_000;

describe("sessions that have ended", () => {
  it("close their sockets within fifteen seconds, signed in or not, whoever woke", async () => {
    const world = cometWorld();
    const first = await world.signIn("a");
    const goims = world.connect({ door: "goim", user: userOf("a") });
    world.send(goims, 7, {});
    const other = await world.signIn("b");
    await world.pass(100_000);
    world.hibernate();
    world.ended.add("session of a");
    await world.pass(13_000);
    expect([first.closed?.code, goims.closed?.code]).toEqual([4401, 4401]);
    expect(other.closed).toBeNull();
  });

  it("are asked for again where nobody could say", async () => {
    const world = cometWorld();
    const socket = await world.signIn("a");
    world.ended.add("session of a");
    world.ended.has = () => {
      throw new Error("away");
    };
    await world.pass(12_000);
    expect(world.failures).toHaveLength(1);
    expect(socket.closed).toBeNull();
    Reflect.deleteProperty(world.ended, "has");
    await world.pass(12_000);
    expect(socket.closed?.code).toBe(4401);
  });

  it("nobody is woken for, where no user is connected; nor for anything, where nobody is", async () => {
    const world = cometWorld();
    const guest = await world.guest();
    const start = world.time.now();
    expect(world.alarmAtMs).toBe(start + MINUTE_MS);
    const user = await world.signIn("a");
    expect(world.alarmAtMs).toBe(start + 12_000);
    world.hangUp(user);
    await world.pass(12_000);
    expect(world.alarmAtMs).toBe(start + 12_000 + MINUTE_MS);
    world.hangUp(guest);
    await world.pass(MINUTE_MS);
    expect(world.alarmAtMs).toBeNull();
  });

  it("are asked for ahead of the alarm while somebody is busy: a comet that falls silent sleeps", async () => {
    const world = cometWorld();
    const socket = await world.signIn("a");
    world.ended.add("session of b");
    for (let beats = 0; beats < 30; beats += 1) {
      await world.pass(1_000);
      world.send(socket, 2);
      expect((world.alarmAtMs ?? 0) - world.time.now()).toBeGreaterThan(10_000);
    }
    const other = await world.signIn("b");
    await world.pass(2_000);
    world.send(socket, 2);
    await world.settle();
    expect(other.closed?.code).toBe(4401);
  });

  it("are looked for also where the clock was a month ahead as the alarm was set, and so are the idle", async () => {
    const world = cometWorld();
    const monthMs = 30 * 24 * 60 * MINUTE_MS;
    world.time.turn(monthMs);
    const socket = await world.signIn("a");
    await world.pass(12_000);
    world.time.stepBack(monthMs);
    world.ended.add("session of a");
    world.send(socket, 2);
    await world.settle();
    expect(socket.closed?.code).toBe(4401);
    const silent = await world.signIn("c");
    await world.pass(IDLE_MS_MAX + MINUTE_MS);
    expect(silent.closed?.code).toBe(4410);
  });

  it("are no sockets that a clock which was ahead would keep for a month, though they say nothing", async () => {
    const world = cometWorld();
    const monthMs = 30 * 24 * 60 * MINUTE_MS;
    world.time.turn(monthMs);
    const silent = await world.signIn("a");
    world.time.stepBack(monthMs);
    await world.signIn("b");
    await world.pass(IDLE_MS_MAX + 2 * MINUTE_MS);
    expect(silent.closed?.code).toBe(4410);
  });

  it("are looked for also where the alarm was lost with the memory, from the next that happens on", async () => {
    const world = cometWorld();
    const [ended, other] = [await world.signIn("a"), await world.signIn("b")];
    world.loseAlarm();
    world.hibernate();
    world.ended.add("session of a");
    world.send(other, 2);
    await world.settle();
    expect(ended.closed?.code).toBe(4401);
    expect(world.alarmAtMs).toBe(world.time.now() + 12_000);
  });

  it("are looked for also where an alarm was lost", async () => {
    const world = cometWorld();
    await world.signIn("a");
    world.time.turn(23_000);
    await world.signIn("b");
    expect(world.alarmAtMs).toBe(world.time.now() + 12_000);
  });
});

describe("a socket", () => {
  it("is cut eight minutes after its last heartbeat of either kind", async () => {
    const world = cometWorld();
    const [silent, beating, pinging, talking] = [
      await world.guest(),
      await world.guest(),
      await world.guest(),
      await world.guest(),
    ];
    await world.pass(5 * MINUTE_MS);
    world.send(beating, 2);
    pinging.pingedMs = world.time.now();
    // As in goim, no other message is a heartbeat.
    world.send(talking, 4);
    world.hibernate();
    await world.pass(4 * MINUTE_MS);
    const codes = [silent, beating, pinging, talking].map(({ closed }) => closed?.code);
    expect(codes).toEqual([4410, undefined, undefined, 4410]);
    await world.pass(IDLE_MS_MAX);
    expect([beating.closed?.code, pinging.closed?.code]).toEqual([4410, 4410]);
  });

  it("is cut when it is a day old", async () => {
    const world = cometWorld();
    const socket = await world.signIn("a");
    for (let passedMs = 0; passedMs < SOCKET_AGE_MS_MAX; passedMs += 4 * MINUTE_MS) {
      expect(socket.closed).toBeNull();
      world.send(socket, 2);
      await world.pass(4 * MINUTE_MS);
    }
    await world.pass(MINUTE_MS);
    expect(socket.closed).toEqual({ code: 4410, detail: "a day old: sign in anew" });
  });

  it("of another release is closed, and its client comes back", async () => {
    const world = cometWorld();
    const socket = await world.guest({ accepts: [1_000] });
    socket.spoil();
    world.hibernate();
    expect(world.comet.pushAll({ op: 1_000, body: new Uint8Array(1) })).toBe(0);
    expect(socket.closed?.code).toBe(1012);
  });
});
