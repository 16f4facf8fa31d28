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
