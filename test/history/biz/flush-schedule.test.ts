import { describe, expect, it } from "vitest";
import { beat, shardOver } from "../support/shard-over.ts";

const WINDOW_MS = 300_000;

describe("keys that the queue refuses", () => {
  it("are sent two seconds later, neither at once nor when their lease would have ended", async () => {
    let isAway = true;
    const { clock, sent, alarms, start } = shardOver({ queueFails: () => isAway });
    const shard = start();
    await shard.report("ada", beat("film", 1));
    clock.turn(WINDOW_MS);
    await shard.onAlarm();
    expect([sent, (alarms.at(-1) ?? 0) - clock.now()]).toEqual([[], 2_000]);
    isAway = false;
    clock.turn(2_000);
    await shard.onAlarm();
    expect(sent).toMatchObject([{ type: "flush", users: [["ada", ["video/film"]]] }]);
  });
});

describe("a flush", () => {
  it("takes along what is due within a fifth of the window, and comes for nothing else", async () => {
    const { clock, sent, alarms, start } = shardOver();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    clock.turn(50_000);
    await shard.report("bob", beat("film", 1));
    clock.turn(50_000);
    await shard.report("eve", beat("film", 1));
    clock.turn(190_000);
    // Too early for anybody, though ada and bob are within the fifth.
    await shard.onAlarm();
    expect(sent).toEqual([]);
    clock.turn(10_000);
    await shard.onAlarm();
    expect(sent).toMatchObject([
      {
        type: "flush",
        users: [
          ["ada", ["video/film"]],
          ["bob", ["video/film"]],
        ],
      },
    ]);
    clock.turn(2_000);
    shard.wake();
    expect(alarms.at(-1)).toBeGreaterThan(clock.now());
  });
});

describe("a record that waits through restarts", () => {
  it("waits since it was reported: who restarts often doesn't dodge the window", async () => {
    const { clock, alarms, start } = shardOver();
    await start().report("ada", beat("film", 1));
    const dueMs = clock.now() + WINDOW_MS;
    clock.turn(100_000);
    start();
    expect(alarms.at(-1)).toBe(dueMs);
  });
});
