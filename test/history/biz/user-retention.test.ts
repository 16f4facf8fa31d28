import { describe, expect, it } from "vitest";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { confirmationOfState } from "../../../src/history/biz/user-state.ts";
import { historyOver } from "../support/history-over.ts";
import { atOnce } from "../support/at-once.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const item = (itemId: string) => ({ kind: "video", itemId });
const keyOf = (itemId: string) => ({ userId: "ada", ...item(itemId) });

function history(options: Parameters<typeof historyOver>[0] = {}) {
  const of = historyOver(options);
  const play = async (shard: Shard, itemId: string, at?: number): Promise<void> => {
    of.clock.turn(1);
    const when = at === undefined ? {} : { at };
    await shard.report("ada", [{ ...item(itemId), positionMs: 60_000, event: "playing", ...when }]);
  };
  const listed = async (shard: Shard): Promise<readonly string[]> =>
    (await shard.list("ada", { limit: 100 })).items.map(({ itemId }) => itemId);
  const inD1 = (): readonly string[] =>
    of.db.sqlite
      .prepare("SELECT item_id FROM history ORDER BY item_id")
      .all()
      .map((row) => String(row["item_id"]));
  return { ...of, play, listed, inD1 };
}

describe("entries beyond what is kept", () => {
  it("are gone for good: one that was deleted makes no room for an older one", async () => {
    const { play, listed, writeBack, start, inD1 } = history({ entriesPerUserMax: 3 });
    const shard = start();
    for (const itemId of ["a", "b", "c", "d"]) await play(shard, itemId);
    await writeBack(shard);
    await shard.remove("ada", item("d"));
    for (const reader of [shard, start()]) expect(await listed(reader)).toEqual(["c", "b"]);
    await writeBack(shard);
    expect(await listed(start())).toEqual(["c", "b"]);
    expect(inD1()).toEqual(["b", "c", "d"]);
  });

  it("come back by no report from below, which is taken and changes nothing", async () => {
    const { clock, play, listed, writeBack, start } = history({ entriesPerUserMax: 2 });
    const startMs = clock.now();
    const shard = start();
    for (const itemId of ["a", "b", "c"]) await play(shard, itemId);
    await shard.remove("ada", item("c"));
    const report = [{ ...item("late"), positionMs: 60_000, event: "playing" as const, at: startMs }];
    expect(await shard.report("ada", report)).toMatchObject({ accepted: 1 });
    await writeBack(shard);
    for (const reader of [shard, start()]) expect(await listed(reader)).toEqual(["b"]);
  });

  it("leave D1 by what the shard says, and D1 shows no shard less than that", async () => {
    const { play, listed, writeBack, start, inD1 } = history({ entriesPerUserMax: 3 });
    const first = start();
    for (const itemId of ["a", "b", "c"]) await play(first, itemId);
    await writeBack(first);
    // None of it is in memory: the shard learns of the excess from the job.
    const shard = start();
    for (const itemId of ["d", "e"]) await play(shard, itemId);
    await writeBack(shard);
    expect(inD1()).toEqual(["a", "b", "c", "d", "e"]);
    await writeBack(shard);
    expect(inD1()).toEqual(["c", "d", "e"]);
    for (const reader of [shard, start()]) expect(await listed(reader)).toEqual(["e", "d", "c"]);
  });

  it("stay in D1 as long as the shard may not say that they go", async () => {
    const { play, listed, writeBack, start, inD1 } = history({ entriesPerUserMax: 2, format: 1 });
    const first = start();
    for (const itemId of ["a", "b"]) await play(first, itemId);
    await writeBack(first);
    const shard = start();
    await play(shard, "c");
    for (let again = 0; again < 2; again += 1) await writeBack(shard);
    expect([await listed(shard), inD1()]).toEqual([
      ["c", "b"],
      ["a", "b", "c"],
    ]);
  });
});

describe("tombstones", () => {
  it("outlive what is pending of their item, and older, though their time is over", async () => {
    const { clock, play, listed, writeBack, start } = history({ tombstonesKeptMs: 2_000 });
    const first = start();
    await play(first, "film");
    clock.turn(1_000);
    const at = clock.now();
    await first.remove("ada", item("film"));
    await writeBack(first);
    // D1 alone knows that it was deleted, and nobody asks D1 for a report as young as this.
    const shard = start();
    clock.turn(3_000);
    await play(shard, "film", at - 1);
    expect(await shard.changes("ada", { limit: 10 })).toMatchObject({ more: false });
    for (const reader of [shard, start()]) expect(await listed(reader)).toEqual([]);
    await writeBack(shard);
    for (const reader of [shard, start()]) expect(await listed(reader)).toEqual([]);
  });

  it("are forgotten after thirty days, in D1 as well, and not before", async () => {
    const { clock, play, writeBack, start, inD1 } = history();
    const shard = start();
    for (const itemId of ["film", "other"]) await play(shard, itemId);
    await shard.remove("ada", item("film"));
    for (const [days, kept] of [
      [0, ["film", "other"]],
      [29, ["film", "other"]],
      [2, ["other"]],
    ] as const) {
      clock.turn(days * DAY);
      await play(shard, "other");
      await writeBack(shard);
      await writeBack(shard);
      expect(inD1()).toEqual(kept);
    }
  });

  it("are kept while there are rows that can't be read: those may say anything of their items", async () => {
    const { clock, sql, play, writeBack, start, inD1 } = history();
    const first = start();
    await play(first, "film");
    await first.remove("ada", item("film"));
    await writeBack(first);
    sql.exec("INSERT INTO unread_row (seq, part, kinds_read, payload) VALUES (1, 0, '[]', x'ff')");
    const shard = start();
    clock.turn(31 * DAY);
    for (let again = 0; again < 2; again += 1) {
      await play(shard, "other");
      await writeBack(shard);
    }
    expect(inD1()).toEqual(["film", "other"]);
  });

  it("are as many as entries at most, once nothing that was collected before can come any more", async () => {
    const { clock, play, writeBack, start, inD1 } = history({ entriesPerUserMax: 3 });
    const shard = start();
    for (const itemId of ["a", "b", "c", "d", "e"]) {
      await play(shard, itemId);
      await shard.remove("ada", item(itemId));
    }
    await writeBack(shard);
    clock.turn(30 * MINUTE);
    await play(shard, "film");
    await writeBack(shard);
    await writeBack(shard);
    expect(inD1()).toEqual(["c", "d", "e", "film"]);
  });

  it("that D1 doesn't have yet are not forgotten, however old they are", async () => {
    const { clock, play, start } = history();
    const shard = start();
    await play(shard, "film");
    await shard.remove("ada", item("film"));
    clock.turn(31 * DAY);
    await play(shard, "other");
    expect(await shard.changes("ada", { limit: 10 })).toMatchObject({ more: false });
    expect(atOnce(shard.collect([keyOf("film")], 2))).toMatchObject([{ deleted: true }]);
    expect(shard.collectStates(["ada"])).toEqual([]);
  });

  it("that D1 has stay while an earlier one is pending: they are forgotten in their order", async () => {
    const { clock, play, listed, start } = history();
    const shard = start();
    for (const itemId of ["a", "b"]) await play(shard, itemId);
    await listed(shard);
    for (const itemId of ["a", "b"]) await shard.remove("ada", item(itemId));
    atOnce(shard.confirm(atOnce(shard.collect([keyOf("b")], 2))));
    clock.turn(31 * DAY);
    await shard.settle("ada");
    expect(atOnce(shard.collect([keyOf("a")], 2))).toHaveLength(1);
    atOnce(shard.confirm(atOnce(shard.collect([keyOf("a")], 2))));
    expect(shard.collectStates(["ada"])).toEqual([]);
    await shard.settle("ada");
    expect(shard.collectStates(["ada"])).toMatchObject([{ forgottenRev: expect.any(Number) }]);
  });
});

// I46
describe("what is cleared", () => {
  it("is pending no longer, from that turn on and after a restart", async () => {
    const { play, start } = history();
    const shard = start();
    for (const itemId of ["a", "b"]) await play(shard, itemId);
    await shard.remove("ada", item("b"));
    shard.clear("ada");
    await play(shard, "c");
    const keys = ["a", "b", "c"].map(keyOf);
    const restarted = start();
    for (const each of [shard, restarted]) {
      expect(atOnce(each.collect(keys, 2))).toEqual([]);
      each.confirmStates(each.collectStates(["ada"]).map(confirmationOfState));
      expect(atOnce(each.collect(keys, 2)).map(({ itemId }) => itemId)).toEqual(["c"]);
    }
  });
});
