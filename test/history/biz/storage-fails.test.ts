import { describe, expect, it } from "vitest";
import { historyOver } from "../support/history-over.ts";
import { d1HistoryWriter } from "../../../src/history/data/d1-history-writer.ts";
import { UserView } from "../../../src/history/biz/user-view.ts";
import { ViewCache } from "../../../src/history/biz/view-cache.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { beat, keyOf, positions, shardOver } from "../support/shard-over.ts";
import { atOnce } from "../support/at-once.ts";

const USER = "ada";

/* What the simulator has found around deletions, clears and what is kept of a user. */
describe("a shard whose user has more than is kept", () => {
  it("takes a report though what is beyond can't be written down, and says it with the next", async () => {
    const { start, sql, clock } = shardOver({ entriesPerUserMax: 2 });
    const shard = start();
    for (const item of ["one", "two"]) {
      await shard.report(USER, beat(item, 1));
      clock.turn(1);
    }
    // The row of the report itself, and no other.
    sql.writesLeft = 1;
    await shard.report(USER, beat("three", 1));
    sql.writesLeft = Number.POSITIVE_INFINITY;
    expect(await positions(shard)).toEqual({ two: 1, three: 1 });
    clock.turn(1);
    await shard.report(USER, beat("four", 1));
    await shard.remove(USER, { kind: "video", itemId: "four" });
    // What went stays gone.
    expect(await positions(shard)).toEqual({ three: 1 });
  });

  it("says what went with the next commit, though that leaves nothing out", async () => {
    const { start, sql, clock } = shardOver({ entriesPerUserMax: 1 });
    const shard = start();
    await shard.report(USER, beat("one", 1));
    clock.turn(1);
    sql.writesLeft = 1;
    await shard.report(USER, beat("two", 1));
    sql.writesLeft = Number.POSITIVE_INFINITY;
    expect(shard.collectStates([USER])).toEqual([]);
    await shard.report(USER, beat("two", 2));
    expect(shard.collectStates([USER])).toMatchObject([{ floor: { atMs: clock.now() - 1 } }]);
  });

  it("says it as it starts, where less is kept than before", async () => {
    const { start, sql, clock } = shardOver({ entriesPerUserMax: 3 });
    const first = start();
    for (const item of ["one", "two", "three"]) {
      await first.report(USER, beat(item, 1));
      clock.turn(1);
    }
    const shard = shardOver({ sql, entriesPerUserMax: 1 }).start();
    expect(shard.collectStates([USER])).toMatchObject([{ floor: { atMs: clock.now() - 2 } }]);
  });

  it("is told what a view has no room for", () => {
    const view = new UserView(3);
    for (let item = 0; item < 7; item += 1)
      view.merge(recordOf({ itemId: `film-${item}`, atMs: item, rev: item + 1 }));
    expect(view.newestFirst()).toHaveLength(3);
    expect(view.newestBeyond()?.itemId).toBe("film-3");
    view.retain(({ atMs }) => atMs > 3);
    expect(view.newestBeyond()).toBeNull();
  });

  it("has no view without what is pending, where the storage fails while it is opened", () => {
    const cache = new ViewCache({
      bytesMax: 10_000,
      entriesMax: 3,
      emptyTtlMs: 1,
      admits: () => {
        throw new Error("the disk is away");
      },
    });
    expect(() => cache.open(USER, [recordOf({ userId: USER })])).toThrow("away");
    expect(cache.get(USER, 0)).toBeUndefined();
    expect(cache.bytes).toBe(0);
  });

  it("sets an alarm for what a read has found to be too much", async () => {
    const { start, db, alarms, clock, writeBack } = historyOver({ entriesPerUserMax: 2 });
    const shard = start();
    for (const item of ["one", "two"]) await shard.report(USER, beat(item, 1));
    await writeBack(shard);
    db.sqlite.exec(
      "INSERT INTO history SELECT user_id, kind, 'zero', position_ms, duration_ms, event, device_id, at - 1, rev - 1, raw_at, watched, dismissed, deleted FROM history LIMIT 1",
    );
    const restarted = start();
    clock.turn(1_000);
    alarms.length = 0;
    await restarted.list(USER, { limit: 100 });
    expect(alarms).toHaveLength(1);
  });
});

describe("a place of a device", () => {
  it("is never ahead of what is written: a clock that is set back forgets the rest", async () => {
    const { start, clock } = shardOver();
    const shard = start();
    await shard.report(USER, beat("film", 1));
    clock.turn(200_000);
    // A report that changes nothing is dated, and written nowhere.
    const [again] = beat("film", 1);
    await shard.report(USER, again === undefined ? [] : [{ ...again, at: clock.now() - 200_000 }]);
    const { cursor } = await shard.changes(USER, { limit: 100 });
    clock.stepBack(150_000);
    const restarted = start();
    await restarted.report(USER, beat("other", 2));
    const { changes } = await restarted.changes(USER, { limit: 100, since: cursor });
    expect(changes.map((change) => ("entry" in change ? change.entry.itemId : change))).toEqual(["other"]);
  });
});

describe("a tombstone that is forgotten", () => {
  it("is not written again by a consumer that has held it meanwhile", async () => {
    const { start, clock, writeBack, db } = historyOver({ tombstonesKeptMs: 1_000 });
    const shard = start();
    await shard.remove(USER, { kind: "video", itemId: "film" });
    const held = atOnce(shard.collect([keyOf("film")], 2));
    await writeBack(shard);
    clock.turn(10_000);
    await shard.remove(USER, { kind: "video", itemId: "other" });
    await writeBack(shard);
    shard.forgetView(USER);
    await shard.settle(USER);
    await writeBack(shard);
    await d1HistoryWriter(db, clock.now).upsert(held);
    expect(db.sqlite.prepare("SELECT item_id FROM history").all()).toEqual([{ item_id: "other" }]);
  });

  it("stays for twenty minutes, however many there are: a consumer may hold what is older", async () => {
    const { start, clock, writeBack, db } = historyOver({ entriesPerUserMax: 2 });
    const shard = start();
    for (let item = 0; item < 5; item += 1) {
      await shard.remove(USER, { kind: "video", itemId: `film-${item}` });
      await writeBack(shard);
      clock.turn(1_000);
    }
    await writeBack(shard);
    await shard.settle(USER);
    await writeBack(shard);
    const count = (): unknown => db.sqlite.prepare("SELECT count(*) AS n FROM history").get();
    expect(count()).toEqual({ n: 5 });
    clock.turn(1_200_000);
    shard.forgetView(USER);
    await shard.settle(USER);
    await writeBack(shard);
    expect(count()).toEqual({ n: 2 });
  });
});

describe("a report that can't be kept", () => {
  it("takes none down that was judged beside it", async () => {
    const { start, clock } = shardOver({ commitWaitMsMax: 250 });
    const shard = start();
    for (const other of ["xena", "yuri"]) {
      await shard.report(other, beat("film", 1));
      clock.turn(150);
    }
    const bad = shard.report(USER, beat("film", -1)).catch((error: unknown) => (error as Error).message);
    const good = shard.report(USER, [
      {
        kind: "video",
        itemId: "film",
        positionMs: 5,
        durationMs: 7_000,
        event: "playing",
        at: clock.now() - 5,
      },
    ]);
    clock.turn(250);
    expect(await bad).toContain("can't be kept");
    expect((await good).accepted).toBe(1);
    expect(await positions(shard)).toEqual({ film: 5 });
  });
});

describe("what is done by hand while something is dated ahead", () => {
  it("takes it away all the same: a clock has been set back since", async () => {
    const { start, clock } = shardOver();
    const shard = start();
    for (const item of ["one", "two", "three"]) await shard.report(USER, beat(item, 1));
    clock.stepBack(300_000);
    const restarted = start();
    await restarted.remove(USER, { kind: "video", itemId: "one" });
    expect((await restarted.mark(USER, { kind: "video", itemId: "two" }, { watched: true })).watched).toBe(
      true,
    );
    expect(await positions(restarted)).toEqual({ two: 1, three: 1 });
    restarted.clear(USER);
    expect(await positions(restarted)).toEqual({});
  });
});
