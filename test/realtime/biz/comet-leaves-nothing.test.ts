import { describe, expect, it } from "vitest";
import { cometWorld, type CometWorld } from "../support/comet-world.ts";

const away = () => Promise.reject(new Error("away"));

/** Everybody comes, does something, and is cut off in the middle of it. */
async function live(world: CometWorld): Promise<void> {
  const [first, second] = [await world.signIn("a", { room_id: "live://1" }), await world.signIn("a")];
  const guest = await world.guest({ room_id: "live://1" });
  const silent = world.connect();
  world.send(first, 2001, { reports: [{ kind: "video", itemId: "m1", positionMs: 1 }] });
  world.comet.changed([{ userId: "a", behind: "1" }]);
  world.comet.message(second, Uint8Array.of(0, 0));
  await world.pass(100);
  for (const socket of [first, second, guest, silent]) world.hangUp(socket);
}

describe("a comet whose sockets have gone", () => {
  it("leaves no timer behind, so that it can hibernate", async () => {
    const world = cometWorld();
    await live(world);
    await world.pass(60_000);
    expect(world.time.next()).toBeNull();
    expect(world.alarmAtMs).toBeNull();
    expect(world.failures).toEqual([]);
  });

  it("leaves none in the end where everything that it calls is away", async () => {
    const world = cometWorld();
    world.history.onJoin = away;
    world.history.onLeave = away;
    world.history.onReport = away;
    world.rooms.onMembers = away;
    await live(world);
    await world.pass(180_000);
    expect(world.time.next()).toBeNull();
    expect(world.alarmAtMs).toBeNull();
  });

  it("can also hibernate with sockets, where they are quiet", async () => {
    const world = cometWorld();
    await world.signIn("a", { room_id: "live://1" });
    await world.guest({ room_id: "live://1" });
    await world.pass(60_000);
    expect(world.time.next()).toBeNull();
  });
});
