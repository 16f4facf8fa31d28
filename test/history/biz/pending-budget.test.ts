import { describe, expect, it } from "vitest";
import { isCode } from "../../../src/contracts/errors.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { beat, confirmAll, keepBusy, keyOf, shardOver } from "../support/shard-over.ts";

const MINUTE = 60_000;
/** Users whose name begins with "b" are in database 1. */
const twoDatabases = { databases: 2, databaseOf: (userId: string) => (userId.startsWith("b") ? 1 : 0) };

/** How many of these users' first reports are taken. */
async function taken(shard: Shard, users: readonly string[]): Promise<number> {
  let count = 0;
  for (const user of users) {
    try {
      await shard.report(user, beat("film", 1));
      count += 1;
    } catch (error) {
      if (!isCode(error, "OVERLOADED")) throw error;
    }
  }
  return count;
}

const named = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${letter}-${index}`);

describe("a shard's budget", () => {
  it("is not filled by one user, within whatever limits they report", async () => {
    const { start } = shardOver({ pendingRecordsMax: 2_000, entriesPerUserMax: 100 });
    const shard = start();
    for (let item = 0; item < 5_000; item += 1) await shard.report("greedy", beat(`film-${item}`, item));
    expect(shard.status().pending).toBe(100);
    expect(await taken(shard, named("ada", 1_000))).toBe(1_000);
  });

  // I6
  it("refuses what is new, and takes what is pending already however full it is", async () => {
    const { start } = shardOver({ pendingRecordsMax: 10 });
    const shard = start();
    expect(await taken(shard, named("ada", 20))).toBe(10);
    for (let round = 2; round < 50; round += 1)
      expect(await shard.report("ada-3", beat("film", round))).toMatchObject({ accepted: 1 });
    expect(shard.collect([keyOf("film", "ada-3")])[0]?.positionMs).toBe(49);
    confirmAll(shard, [keyOf("film", "ada-0")]);
    expect(await taken(shard, ["ada-15"])).toBe(1);
  });

  it("counts what waits for its commit", async () => {
    const { clock, start } = shardOver({ pendingRecordsMax: 11, commitWaitMsMax: 50 });
    const shard = start();
    await keepBusy(shard, clock);
    const waiting = named("ada", 30).map((user) => shard.report(user, beat("film", 1)));
    clock.turn(50);
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(9);
    expect(shard.status().pending).toBe(11);
    // Nothing stays reserved once it has been committed.
    confirmAll(
      shard,
      named("ada", 9).map((user) => keyOf("film", user)),
    );
    const more = named("cleo", 9).map((user) => shard.report(user, beat("film", 1)));
    clock.turn(50);
    expect((await Promise.allSettled(more)).every(({ status }) => status === "fulfilled")).toBe(true);
  });

  it("is kept to in bytes also by new users' reports that wait for their commit", async () => {
    const { clock, start } = shardOver({
      commitWaitMsMax: 50,
      pendingRecordsMax: 20_000,
      pendingBytesMax: 1_000_000,
    });
    const shard = start();
    await keepBusy(shard, clock);
    const reports = named("ada", 3_000).map((user) => shard.report(user, beat("film", 1)));
    clock.turn(1_000);
    const outcomes = await Promise.allSettled(reports);
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(1_000);
    expect(shard.status().pendingBytes).toBeLessThanOrEqual(1_000_000);
  });

  it("is filled to half by the users of a database that is away, so that those of the other are not refused", async () => {
    const { clock, start } = shardOver({ ...twoDatabases, pendingRecordsMax: 100 });
    const shard = start();
    expect(await taken(shard, named("ada", 200))).toBe(50);
    clock.turn(10 * MINUTE);
    await shard.flushNow();
    clock.turn(2 * MINUTE);
    await shard.flushNow();
    expect(shard.status().failingDatabases).toEqual([0]);
    // A hundred of them, over time: their database takes what it gets.
    for (const user of named("bob", 100)) {
      expect(await taken(shard, [user])).toBe(1);
      confirmAll(shard, [keyOf("film", user)]);
    }
    expect(await taken(shard, named("ada", 300))).toBe(50);
  });

  it("is all there for one database when no other works", async () => {
    const { clock, start } = shardOver({ ...twoDatabases, pendingRecordsMax: 100 });
    const shard = start();
    await taken(shard, ["ada-0", "bob-0"]);
    await shard.flushNow();
    clock.turn(2 * MINUTE);
    await shard.flushNow();
    expect(shard.status().failingDatabases).toEqual([0, 1]);
    expect(await taken(shard, named("ada", 200))).toBe(99);
  });

  // I7
  it("that fills up is emptied early, also when the alarm that was set for it got lost", async () => {
    const { clock, alarms, sent, start } = shardOver({ pendingRecordsMax: 10 });
    const shard = start();
    await taken(shard, named("ada", 6));
    expect(alarms.at(-1)).toBe(clock.now());
    // Nobody rings. The next entry finds out, long before the window ends.
    clock.turn(15_000);
    shard.wake();
    expect(alarms.at(-1)).toBe(clock.now());
    // Nor does a restart forget it.
    const restarted = start();
    expect(alarms.at(-1)).toBe(clock.now());
    await restarted.onAlarm();
    expect(sent).toHaveLength(1);
  });
});
