import { describe, expect, it } from "vitest";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { confirmationOf, type HistoryRecord } from "../../../src/history/biz/record.ts";
import { STATES_MAX } from "../../../src/history/biz/pending-states.ts";
import { confirmationOfState } from "../../../src/history/biz/user-state.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { stateOf } from "../../support/databases/user-states.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { historyOver } from "../support/history-over.ts";
import { beat, keyOf, shardOver } from "../support/shard-over.ts";
import { atOnce } from "../support/at-once.ts";

const KEPT_MS = 1_000;
const FILM = { kind: "video", itemId: "film" };

/** What the database has of a user, by item. */
function itemsIn({ db }: ReturnType<typeof historyOver>): readonly unknown[] {
  return db.sqlite
    .prepare("SELECT item_id FROM history ORDER BY item_id")
    .all()
    .map((row) => row["item_id"]);
}

describe("users whose state the database doesn't have", () => {
  const USERS = STATES_MAX + 1_000;

  /** All who were told to the job since, whose states it has written. */
  async function written(over: ReturnType<typeof shardOver>, shard: Shard): Promise<readonly string[]> {
    await shard.flushNow();
    const userIds = over.sent
      .splice(0)
      .flatMap((message) => (message.type === "flush" ? (message.states ?? []) : []));
    shard.confirmStates(shard.collectStates(userIds).map(confirmationOfState));
    return userIds;
  }

  it("are held in memory as far as there is room, and the others when there is room again", async () => {
    const over = shardOver();
    const users = Array.from({ length: USERS }, (_, user) =>
      stateOf({ userId: `user-${user}`, paused: true, pausedFromMs: 1, settingsRev: user + 1 }),
    );
    const log = new SqliteShardLog(over.sql);
    log.append([{ seq: 1, records: [], users }], 1);
    const shard = over.start();
    expect(() => shard.clear("ada")).toThrow("waits for its database");
    const first = await written(over, shard);
    const rest = await written(over, shard);
    expect([first.length, rest.length]).toEqual([STATES_MAX, USERS - STATES_MAX]);
    expect(new Set([...first, ...rest]).size).toBe(USERS);
    expect([await written(over, shard), log.unconfirmedStates(1)]).toEqual([[], []]);
  });

  it("are asked for again at once when the database is back, though it was away for long", async () => {
    const over = shardOver();
    const shard = over.start();
    shard.clear("ada");
    await shard.report("bob", beat("film", 1));
    for (let minutes = 0; minutes < 60; minutes += 1) {
      over.clock.turn(60_000);
      await shard.onAlarm();
    }
    over.sent.length = 0;
    const [film] = atOnce(shard.collect([keyOf("film", "bob")], 2));
    atOnce(shard.confirm(film === undefined ? [] : [confirmationOf(film)]));
    over.clock.turn(1_000);
    await shard.onAlarm();
    expect(over.sent).toMatchObject([{ states: ["ada"] }]);
  });

  it("are no more than there is room for, though what is beyond what is kept of one is said at all times", async () => {
    const over = shardOver({ entriesPerUserMax: 1 });
    const users = Array.from({ length: STATES_MAX }, (_, user) =>
      stateOf({ userId: `user-${user}`, paused: true, pausedFromMs: 1, settingsRev: user + 1 }),
    );
    new SqliteShardLog(over.sql).append([{ seq: 1, records: [], users }], 1);
    const shard = over.start();
    for (const itemId of ["a", "b"]) await shard.report("ada", beat(itemId, 1));
    expect(shard.collectStates(["ada"])).toEqual([]);
    expect(await written(over, shard)).toHaveLength(STATES_MAX);
    expect(await written(over, shard)).toEqual(["ada"]);
  });
});

describe("what goes of a user", () => {
  it("is pending though their state was confirmed as it was before: forgetting has no revision", async () => {
    const over = historyOver({ tombstonesKeptMs: KEPT_MS });
    const shard = over.start();
    await shard.report("ada", beat("film", 1));
    await shard.remove("ada", FILM);
    await over.writeBack(shard);
    shard.setSettings("ada", { paused: true });
    const [collected] = shard.collectStates(["ada"]);
    over.clock.turn(2 * KEPT_MS);
    await shard.settle("ada");
    if (collected === undefined) throw new Error("there is no state");
    shard.confirmStates([confirmationOfState(collected)]);
    for (const each of [shard, over.start()])
      expect(each.collectStates(["ada"])).toMatchObject([{ paused: true, forgottenRev: expect.any(Number) }]);
    await over.writeBack(shard);
    expect(itemsIn(over)).toEqual([]);
  });

  it("is nowhere if they are erased while they are loaded", async () => {
    const { promise, resolve } = Promise.withResolvers<readonly HistoryRecord[]>();
    const reader = { newestOf: () => promise, find: async () => [] };
    const over = shardOver({ reader, entriesPerUserMax: 2 });
    const shard = over.start();
    const settling = shard.settle("ada");
    atOnce(shard.erase("ada"));
    resolve([1, 2, 3].map((rev) => recordOf({ itemId: `m${rev}`, atMs: rev, rev })));
    await settling;
    const said = "SELECT count(*) AS n FROM log WHERE instr(payload, CAST('ada' AS BLOB))";
    expect(over.sql.exec(said).toArray()).toEqual([{ n: 0 }]);
    expect(over.start().collectStates(["ada"])).toEqual([]);
    expect(over.failures).toEqual([]);
  });

  it("is said again where the database has lost it", async () => {
    const over = historyOver({ entriesPerUserMax: 2 });
    const shard = over.start();
    for (const itemId of ["a", "b", "c"]) {
      await shard.report("ada", beat(itemId, 1));
      over.clock.turn(10);
      await over.writeBack(shard);
    }
    await over.writeBack(shard);
    expect(itemsIn(over)).toEqual(["b", "c"]);
    // As a database that was restored has it.
    over.db.sqlite.exec(`
      INSERT INTO history (user_id, kind, item_id, position_ms, event, at, rev)
        SELECT user_id, kind, 'a', position_ms, event, 1, 1 FROM history WHERE item_id = 'b';
      DELETE FROM history_user`);
    await shard.report("ada", beat("c", 2));
    await over.writeBack(shard);
    await over.writeBack(shard);
    expect(itemsIn(over)).toEqual(["b", "c"]);
    expect(shard.collectStates(["ada"])).toEqual([]);
    expect(atOnce(shard.collect([keyOf("c")], 2))).toEqual([]);
  });
});
