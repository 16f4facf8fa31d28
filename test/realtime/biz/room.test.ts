import { describe, expect, it, vi } from "vitest";
import { letPass } from "../../support/let-pass.ts";
import { CALL_MS, roomWorld } from "../support/room-world.ts";

const texts = (messages: readonly { readonly body: Uint8Array }[] | null | undefined) =>
  messages?.map(({ body }) => new TextDecoder().decode(body)) ?? null;

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** What came of it, once time has passed. */
async function after<T>(world: ReturnType<typeof roomWorld>, ms: number, work: Promise<T>): Promise<T> {
  await letPass(world.time, ms);
  return work;
}

describe("a room's pushes", () => {
  it("go out at once after a pause, and then together every 100 ms", async () => {
    const world = roomWorld();
    world.join("shard-1", 2);
    const first = world.push("a");
    expect(world.comet("shard-1").texts).toEqual(["a"]);
    const [second, third] = [world.push("b"), world.push("c")];
    await letPass(world.time, 90);
    expect(world.comet("shard-1").texts).toEqual(["a"]);
    await letPass(world.time, 20);
    expect(world.comet("shard-1").calls.map((call) => texts(call))).toEqual([["a"], ["b", "c"]]);
    for (const push of [first, second, third]) expect(await push).toEqual({ delivered: 2 });
    await letPass(world.time, 200);
    void world.push("d");
    expect(world.comet("shard-1").texts).toEqual(["a", "b", "c", "d"]);
  });

  it("go out as soon as twenty are gathered", async () => {
    const world = roomWorld();
    world.join("shard-1");
    await after(world, 10, world.push("first"));
    for (let index = 0; index < 20; index += 1) void world.push(`${index}`);
    expect(world.comet("shard-1").calls.at(-1)).toHaveLength(20);
  });

  it("make one call for each comet with members and none for others", async () => {
    const world = roomWorld();
    world.join("shard-1", 3);
    world.join("sub-4", 4);
    world.join("shard-2", 1);
    world.join("shard-2", 0);
    expect(await after(world, 10, world.push("a"))).toEqual({ delivered: 7 });
    expect(world.comet("shard-1").calls).toHaveLength(1);
    expect(world.comet("sub-4").calls).toHaveLength(1);
    expect(world.comet("shard-2").calls).toHaveLength(0);
  });

  it.each(["hangs", "fails"] as const)("wait for no comet that %s", async (behaviour) => {
    const world = roomWorld();
    world.join("shard-1", 3);
    world.join("shard-2", 5);
    world.comet("shard-2").behaviour = behaviour;
    expect(await after(world, 510, world.push("a"))).toEqual({ delivered: 3 });
    expect(await after(world, 510, world.push("b"))).toEqual({ delivered: 3 });
    expect(world.comet("shard-1").texts).toEqual(["a", "b"]);
  });

  it("reach a comet that was ill for a moment, in order and all of them", async () => {
    const world = roomWorld();
    world.join("shard-1");
    world.comet("shard-1").behaviour = "fails";
    await after(world, 10, world.push("a"));
    void world.push("b");
    world.comet("shard-1").behaviour = "well";
    world.comet("shard-1").calls.length = 0;
    await letPass(world.time, 1_000);
    expect(world.comet("shard-1").texts).toEqual(["a", "b"]);
    expect(world.failures).toHaveLength(1);
  });

  it("give a comet up after three failures, and count its members no more until it is back", async () => {
    const world = roomWorld();
    world.join("shard-1", 2);
    world.join("shard-2", 5);
    world.comet("shard-2").behaviour = "fails";
    await after(world, 5_000, world.push("a"));
    expect(world.comet("shard-2").calls).toHaveLength(3);
    expect(world.failures).toHaveLength(1);
    expect(await after(world, CALL_MS, world.room.online())).toBe(2);
    world.comet("shard-2").behaviour = "well";
    expect(await after(world, 10, world.push("b"))).toEqual({ delivered: 2 });
    expect(await after(world, 200, world.push("c"))).toEqual({ delivered: 7 });
    expect(await world.room.online()).toBe(7);
  });

  it("are sent to a comet one call at a time", async () => {
    const world = roomWorld();
    world.join("shard-1");
    world.comet("shard-1").latencyMs = 200;
    void world.push("a");
    for (let index = 0; index < 40; index += 1) void world.push(`${index}`);
    expect(world.comet("shard-1").calls).toHaveLength(1);
    await letPass(world.time, 210);
    expect(world.comet("shard-1").calls.map(({ length }) => length)).toEqual([1, 40]);
  });

  it("are refused while as many wait as are remembered", async () => {
    const world = roomWorld();
    world.join("shard-1");
    world.comet("shard-1").latencyMs = 200;
    const pushes = Array.from({ length: 100 }, (_, index) => world.push(`${index}`));
    await expect(world.push("too many")).rejects.toMatchObject({ code: "OVERLOADED" });
    await letPass(world.time, 1_000);
    for (const push of pushes) expect(await push).toEqual({ delivered: 1 });
    expect(world.comet("shard-1").texts).toHaveLength(100);
    expect(await after(world, 400, world.push("again"))).toEqual({ delivered: 1 });
  });

  it("leave no timer behind", async () => {
    const world = roomWorld();
    world.join("shard-1");
    world.join("shard-2");
    world.comet("shard-2").behaviour = "fails";
    void world.push("a");
    void world.push("b");
    await letPass(world.time, 10_000);
    expect(world.time.next()).toBeNull();
  });
});

describe("a room's members", () => {
  it("are those of all comets, each by its last word", async () => {
    const world = roomWorld();
    expect(world.join("shard-1", 2).online).toBe(2);
    expect(world.join("sub-1", 5).online).toBe(7);
    expect(world.join("shard-1", 1).online).toBe(6);
    expect(world.join("sub-1", 0).online).toBe(1);
    expect(await world.room.online()).toBe(1);
  });

  it.each(["stays up", "restarts"])("aren't taken away by a word that comes late (the room %s)", (how) => {
    const world = roomWorld();
    world.room.members("shard-1", 1, undefined, 10);
    if (how === "restarts") world.restart();
    expect(world.room.members("shard-1", 0, undefined, 9).online).toBe(1);
    // A comet's clock that was set back loses nobody who comes in.
    expect(world.room.members("shard-1", 2, undefined, 5).online).toBe(2);
    expect(world.room.members("shard-1", 0, undefined, 11).online).toBe(0);
  });

  it("are corrected by what a comet answers", async () => {
    const world = roomWorld();
    world.join("shard-1", 4);
    world.join("shard-2", 1);
    await letPass(world.time, 6_000);
    world.comet("shard-1").count = 3;
    world.comet("shard-2").count = 0;
    expect(await after(world, 10, world.push("a"))).toEqual({ delivered: 3 });
    await after(world, 200, world.push("b"));
    expect(world.comet("shard-2").texts).toEqual(["a"]);
    world.restart();
    expect(world.store.read()?.members).toMatchObject([{ comet: "shard-1", count: 3 }]);
  });

  it("are exact within ten seconds where somebody asks, though nobody said that they have gone", async () => {
    const world = roomWorld();
    world.join("shard-1", 4);
    world.join("shard-2", 2);
    await letPass(world.time, 3_000);
    world.comet("shard-1").count = 0;
    await letPass(world.time, 7_000);
    expect(await after(world, 10, world.room.online())).toBe(2);
    world.restart();
    world.comet("shard-2").count = 1;
    expect(await after(world, 10, world.room.online())).toBe(1);
  });

  it("stay when an answer overtakes the word that somebody has come in", async () => {
    const world = roomWorld();
    world.join("shard-1", 1);
    await letPass(world.time, 6_000);
    world.comet("shard-1").latencyMs = 50;
    world.comet("shard-1").count = 0;
    const push = world.push("a");
    // While the comet, which has lost its member, is on its way to say so, another comes in.
    await letPass(world.time, 20);
    world.room.members("shard-1", 1, undefined);
    await after(world, 100, push);
    expect(world.store.read()?.members).toMatchObject([{ comet: "shard-1", count: 1 }]);
  });

  it("are those that a comet has told since, whatever it answers to a call from before", async () => {
    const world = roomWorld();
    world.join("shard-1", 2);
    world.comet("shard-1").latencyMs = 50;
    const push = world.push("a");
    await letPass(world.time, 20);
    expect(world.room.members("shard-1", 1, undefined).online).toBe(1);
    expect(await after(world, 100, push)).toEqual({ delivered: 1 });
  });

  it("stay when a comet doesn't count yet who has just come in", async () => {
    const world = roomWorld();
    world.room.members("shard-1", 1, undefined);
    await after(world, 10, world.push("a"));
    expect(world.store.read()?.members).toMatchObject([{ comet: "shard-1", count: 1 }]);
  });

  it("are corrected by what a comet answers, also where the clock was set back since it told them", async () => {
    const world = roomWorld();
    world.join("shard-1", 3);
    world.time.stepBack(HOUR_MS);
    world.comet("shard-1").count = 1;
    await after(world, 10, world.push("a"));
    await letPass(world.time, 6_000);
    expect(await after(world, 10, world.push("b"))).toEqual({ delivered: 1 });
  });

  it("are as they were where their row can't be written, and are written when they are told again", () => {
    const world = roomWorld();
    world.join("shard-1", 1);
    const failing = vi.spyOn(world.store, "setMembers").mockImplementation(() => {
      throw new Error("the disk is full");
    });
    expect(() => world.join("shard-2", 4)).toThrow("the disk is full");
    expect(() => world.join("shard-1", 2)).toThrow("the disk is full");
    failing.mockRestore();
    expect(world.join("shard-1", 2).online).toBe(2);
    expect(world.join("shard-2", 4).online).toBe(6);
    world.restart();
    expect(world.store.read()?.members).toMatchObject([{ count: 2 }, { count: 4 }]);
  });
});

describe("a room's memory", () => {
  it("gives whoever comes back what they missed, also after a restart", async () => {
    const world = roomWorld();
    const { place } = world.join("shard-1");
    await after(world, 10, world.push("a"));
    await after(world, 300, world.push("b"));
    world.restart();
    const back = world.join("sub-2", 1, place);
    expect(texts(back.missed)).toEqual(["a", "b"]);
    expect(back.missed?.map(({ offset }) => offset)).toEqual([1, 2]);
    expect(world.join("sub-2", 1, back.place).missed).toEqual([]);
  });

  it("says so where what was missed is too old, too much, or of another life of the room", async () => {
    const world = roomWorld();
    const { place } = world.join("shard-1");
    await after(world, 10, world.push("a"));
    await letPass(world.time, 5 * MINUTE_MS);
    expect(world.join("shard-1", 1, place).missed).toBeNull();
    const later = world.join("shard-1").place;
    for (let index = 0; index < 101; index += 1) await after(world, 110, world.push(`${index}`));
    expect(world.join("shard-1", 1, later).missed).toBeNull();
    expect(world.join("shard-1", 1, { ...later, offset: later.offset + 1 }).missed).toHaveLength(100);
    expect(world.join("shard-1", 1, { epoch: "another", offset: 0 }).missed).toBeNull();
    expect(world.join("shard-1", 1, { ...later, offset: 5_000 }).missed).toBeNull();
  });

  it("keeps what is pushed while nobody is there for those who come back", async () => {
    const world = roomWorld();
    const { place } = world.join("shard-1");
    world.join("shard-1", 0);
    expect(await world.push("a")).toEqual({ delivered: 0 });
    expect(texts(world.join("shard-1", 1, place).missed)).toEqual(["a"]);
  });

  it("is emptied when nobody has been there for five minutes, and begins with another epoch", async () => {
    const world = roomWorld();
    const { place } = world.join("shard-1");
    await after(world, 10, world.push("a"));
    world.join("shard-1", 0);
    await letPass(world.time, 5 * MINUTE_MS - 10);
    await world.ring();
    expect(world.store.read()).not.toBeNull();
    await letPass(world.time, 10);
    await world.ring();
    expect(world.store.read()).toBeNull();
    expect(world.alarmAtMs).toBeNull();
    const back = world.join("shard-1", 1, place);
    expect(back.missed).toBeNull();
    expect(back.place.epoch).not.toBe(place.epoch);
  });

  it("isn't emptied where somebody has come back", async () => {
    const world = roomWorld();
    world.join("shard-1");
    world.join("shard-1", 0);
    await letPass(world.time, MINUTE_MS);
    world.join("shard-1");
    await letPass(world.time, 4 * MINUTE_MS);
    await after(world, 10, world.ring());
    expect(world.store.read()?.members).toHaveLength(1);
    expect(world.alarmAtMs).toBeGreaterThan(world.time.now());
  });

  it("costs nothing where nobody is", async () => {
    const world = roomWorld();
    expect(await world.push("a")).toEqual({ delivered: 0 });
    expect(world.room.members("shard-1", 0, undefined)).toMatchObject({ online: 0 });
    expect(await world.room.online()).toBe(0);
    await world.room.onAlarm();
    expect(world.store.writes).toBe(0);
    expect(world.alarmAtMs).toBeNull();
  });

  it("is left by a comet that has died, within an hour and though nobody pushes", async () => {
    const world = roomWorld();
    world.join("shard-1");
    await letPass(world.time, 10);
    world.comet("shard-1").count = 0;
    world.time.turn(HOUR_MS);
    await after(world, 10, world.ring());
    expect(world.store.read()?.members).toEqual([]);
    world.time.turn(5 * MINUTE_MS);
    await world.ring();
    expect(world.store.read()).toBeNull();
  });

  it("begins anew before an offset is more than a packet can say", async () => {
    const world = roomWorld();
    world.join("shard-1");
    world.store.append({ op: 1_000, offset: 2 ** 31 - 2, atMs: world.time.now(), body: new Uint8Array() });
    world.restart();
    const { place } = world.join("shard-1");
    const first = world.push("last of its epoch");
    await after(world, 10, first);
    expect(await after(world, 200, world.push("first of the next"))).toEqual({ delivered: 1 });
    expect(
      world
        .comet("shard-1")
        .calls.flat()
        .map(({ offset }) => offset),
    ).toEqual([2 ** 31 - 1, 1]);
    expect(world.join("shard-1", 1, place).missed).toBeNull();
    expect(world.store.read()?.messages).toHaveLength(1);
  });
});
