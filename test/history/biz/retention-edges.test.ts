import { describe, expect, it } from "vitest";
import { confirmationOfState } from "../../../src/history/biz/user-state.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { historyOver } from "../support/history-over.ts";
import { beat, positions, shardOver } from "../support/shard-over.ts";
import { atOnce } from "../support/at-once.ts";

const T0 = 1_600_000_000_000;
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const film = (n: number, userId: string): HistoryRecord =>
  recordOf({ userId, itemId: `film-${n}`, atMs: T0 + n, rev: 100 + n });

/** A shard whose database answers when a test says so. */
function asking() {
  const waiting: ((records: readonly HistoryRecord[]) => void)[] = [];
  const reader = {
    newestOf: () => new Promise<readonly HistoryRecord[]>((answer) => void waiting.push(answer)),
    find: async () => [],
  };
  return {
    ...shardOver({ entriesPerUserMax: 3, reader }),
    answer: (records: readonly HistoryRecord[]) => waiting.shift()?.(records),
  };
}

describe("what is kept of a user", () => {
  it("names nobody again who was erased while D1 was asked", async () => {
    const { start, sql, answer } = asking();
    const shard = start();
    const userId = "somebody-who-leaves";
    const settling = shard.settle(userId);
    await turn();
    atOnce(shard.erase(userId));
    answer([5, 4, 3, 2, 1].map((n) => film(n, userId)));
    await settling;
    const found = sql.exec("SELECT count(*) AS n FROM log WHERE instr(payload, CAST(? AS BLOB)) > 0", userId);
    expect(found.toArray()).toEqual([{ n: 0 }]);
    expect(shard.collectStates([userId])).toEqual([]);
  });

  it("isn't told by a view that was dropped while D1 was asked, nor is what has changed", async () => {
    const { start, answer } = asking();
    const shard = start();
    const changes = shard.changes("ada", { limit: 100 });
    await turn();
    shard.forgetView("ada");
    await shard.report("ada", beat("new", 1));
    answer([4, 3, 2, 1].map((n) => film(n, "ada")));
    await expect(changes).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(shard.collectStates(["ada"])).toEqual([]);
  });

  it("has no place told by a view that was dropped while D1 was asked, though nothing of it goes", async () => {
    const { start, answer } = asking();
    const shard = start();
    const changes = shard.changes("ada", { limit: 100 });
    await turn();
    shard.forgetView("ada");
    await shard.report("ada", beat("new", 1));
    answer([film(1, "ada")]);
    await expect(changes).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("is written once where what is pending and a view say the same", async () => {
    const { start, sql, clock } = shardOver({ entriesPerUserMax: 3 });
    const shard = start();
    await shard.list("ada", { limit: 1 });
    const report = async (n: number): Promise<void> => {
      clock.turn(10);
      await shard.report("ada", beat(`film-${n}`, n));
    };
    for (const n of [1, 2, 3]) await report(n);
    const rows = (): number => Number(sql.exec("SELECT max(seq) AS seq FROM log").toArray()[0]?.["seq"]);
    const before = rows();
    await report(4);
    // The report's own row, and one that says what is beyond.
    expect(rows() - before).toBe(2);
    expect(await positions(shard)).toEqual({ "film-2": 2, "film-3": 3, "film-4": 4 });
  });

  it("reaches D1 though the job was writing the state as it was before tombstones were forgotten", async () => {
    const { start, clock, writeBack } = historyOver({ tombstonesKeptMs: 1_000 });
    const first = start();
    await first.remove("ada", { kind: "video", itemId: "film" });
    await writeBack(first);
    clock.turn(2_000);
    first.setSettings("ada", { paused: true });
    const collected = first.collectStates(["ada"]);
    await first.settle("ada");
    first.confirmStates(collected.map(confirmationOfState));
    for (const shard of [first, start()]) {
      const [state] = shard.collectStates(["ada"]);
      expect(state?.forgottenRev).toBeGreaterThan(0);
    }
    first.confirmStates(first.collectStates(["ada"]).map(confirmationOfState));
    for (const shard of [first, start()]) expect(shard.collectStates(["ada"])).toEqual([]);
  });
});
