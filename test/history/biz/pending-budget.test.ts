import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { isCode } from "../../../src/contracts/errors.ts";
import { PendingBudget } from "../../../src/history/biz/pending-budget.ts";
import { PendingSet } from "../../../src/history/biz/pending-set.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { regularRecords } from "../../fixtures/shard-log-records.ts";
import { beat, confirmAll, keepBusy, keyOf, shardOver } from "../support/shard-over.ts";
import { atOnce } from "../support/at-once.ts";

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

/** A budget over so many databases, and how often it walks over them. */
function budgetOf(databases: number, recordsMax: number) {
  const rows = { retain: () => undefined, release: () => undefined, gone: () => undefined };
  const databaseOf = (userId: string): number => Number(userId);
  const pending = new PendingSet({
    rows,
    windowMs: MINUTE,
    entriesPerUserMax: 1_000,
    databaseOf,
    onBeyond: () => undefined,
  });
  const walks = vi.spyOn(pending, "shares", "get");
  const unread = { count: 0, bytes: 0 };
  const budget = new PendingBudget({
    unread,
    pending,
    recordsMax,
    bytesMax: 1_000 * recordsMax,
    entriesPerUserMax: 1_000,
    databases: () => databases,
  });
  return { budget, pending, unread, walks };
}

describe("a shard's budget", () => {
  it("is not filled by one user who deletes, whether what was there or what never was", async () => {
    const { start } = shardOver({ pendingRecordsMax: 2_000, entriesPerUserMax: 100 });
    const shard = start();
    const refused = (work: Promise<unknown>): Promise<boolean> =>
      work.then(
        () => false,
        (error: unknown) => isCode(error, "OVERLOADED"),
      );
    for (let item = 0; item < 500; item += 1) {
      await refused(shard.report("greedy", beat(`film-${item}`, item)));
      await refused(shard.remove("greedy", { kind: "video", itemId: `film-${item}` }));
    }
    expect(shard.status().pending).toBe(200);
    expect(await refused(shard.remove("greedy", { kind: "video", itemId: "never-there" }))).toBe(true);
    expect(await refused(shard.report("greedy", beat("new", 1)))).toBe(true);
    expect(await refused(shard.report("greedy", beat("film-1", 1)))).toBe(false);
    expect(await taken(shard, named("ada", 1_000))).toBe(1_000);
  });

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
    expect(atOnce(shard.collect([keyOf("film", "ada-3")]))[0]?.positionMs).toBe(49);
    confirmAll(shard, [keyOf("film", "ada-0")]);
    expect(await taken(shard, ["ada-15"])).toBe(1);
  });

  it("counts what will be in memory when it has been read back", () => {
    const { budget, unread } = budgetOf(1, 10);
    const one = { database: 0, records: 1, bytes: 400 };
    unread.count = 10;
    expect(budget.tryReserve(one)).toBe(false);
    Object.assign(unread, { count: 1, bytes: 9_700 });
    expect(budget.tryReserve(one)).toBe(false);
    unread.bytes = 9_600;
    expect(budget.tryReserve(one)).toBe(true);
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

  it("has room for the users of a database that works, however many others are away", async () => {
    const databaseOf = (userId: string): number => "abc".indexOf(userId[0] ?? "");
    const { clock, sent, start } = shardOver({ databases: 3, databaseOf, pendingRecordsMax: 100 });
    const shard = start();
    // All at once, before anybody can know that they are away.
    expect(await taken(shard, named("ada", 100))).toBe(50);
    expect(await taken(shard, named("bob", 100))).toBe(25);
    await shard.flushNow();
    clock.turn(2 * MINUTE);
    await shard.flushNow();
    expect(shard.status().failingDatabases).toEqual([0, 1]);
    expect([await taken(shard, named("ada", 200)), await taken(shard, named("bob", 200))]).toEqual([50, 25]);
    for (const user of named("cleo", 100)) {
      expect(await taken(shard, [user])).toBe(1);
      confirmAll(shard, [keyOf("film", user)]);
    }
    // What is left to it is used up long before half of all would be: it is sent then.
    await shard.flushNow();
    const before = sent.length;
    expect(await taken(shard, named("cleo", 100))).toBe(25);
    await shard.onAlarm();
    expect(JSON.stringify(sent.slice(before))).toContain("cleo-24");
  });

  it("keeps its part for each of many databases, whatever the others take and give back", () => {
    const ASKS_MAX = 60;
    const additions = fc.record({
      of: fc.nat(5),
      records: fc.integer({ min: 1, max: 40 }),
      isGivenBack: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 6 }),
        fc.array(additions, { maxLength: ASKS_MAX }),
        (databases, asks) => {
          const recordsMax = 2 * (databases - 1) * 10;
          const { budget } = budgetOf(databases, recordsMax);
          const used: number[] = Array.from({ length: databases }, () => 0);
          const refused: number[] = [];
          for (const { of, records, isGivenBack } of asks) {
            const database = of % databases;
            const addition = { database, records, bytes: 1 };
            const had = used[database] ?? 0;
            if (budget.tryReserve(addition)) used[database] = had + records;
            else refused.push(had + records);
            if (isGivenBack && had >= records) {
              budget.settle(addition);
              used[database] = (used[database] ?? 0) - records;
            }
          }
          // Ten are kept for each.
          expect(refused.filter((records) => records <= 10)).toEqual([]);
          expect(used.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(recordsMax);
        },
      ),
    );
  });

  it("costs a report two walks over its databases, and not one for each of them", () => {
    const { budget, pending, walks } = budgetOf(200, 20_000);
    for (const [database, record] of regularRecords(200).entries())
      pending.put({ ...record, userId: String(database) }, 1, 1);
    expect(budget.tryReserve({ database: 7, records: 1, bytes: 700 })).toBe(true);
    expect(walks).toHaveBeenCalledTimes(1);
    expect([pending.count, budget.isFillingUp]).toEqual([200, false]);
    expect(walks).toHaveBeenCalledTimes(3);
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
    await shard.wake();
    expect(alarms.at(-1)).toBe(clock.now());
    // Nor does a restart forget it.
    const restarted = start();
    expect(alarms.at(-1)).toBe(clock.now());
    await restarted.onAlarm();
    expect(sent).toHaveLength(1);
  });
});
