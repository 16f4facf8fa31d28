import { describe, expect, it } from "vitest";
import type { DatedReport } from "../../../src/contracts/history.ts";
import { historyOver } from "../support/history-over.ts";
import { beat, keepBusy, positions, shardOver } from "../support/shard-over.ts";
import { settled } from "../support/comet-double.ts";

const MINUTE = 60_000;
const of = (userId: string, reports: readonly DatedReport[], others = false) => ({
  userId,
  reports,
  source: { socket: `${userId}'s`, others, version: 1 },
});
const dated = (reports: readonly DatedReport[], at: number): readonly DatedReport[] =>
  reports.map((report) => ({ ...report, at }));
const USERS = ["ada", "bob", "cy", "dee", "eve"];

describe("what sockets have sent and their comet has gathered", () => {
  it("is one row, written at once however long others would wait, and takes along who waits", async () => {
    const { clock, sql, start } = shardOver({ commitWaitMsMax: 250 });
    const shard = start();
    await keepBusy(shard, clock);
    let isAnswered = false;
    const waiting = shard.report("zoe", beat("film", 5)).then(() => (isAnswered = true));
    await settled();
    expect(isAnswered).toBe(false);
    sql.writesLeft = 1;
    const receipts = await shard.reportMany(USERS.map((userId, index) => of(userId, beat("film", index))));
    await waiting;
    expect(receipts).toEqual(
      USERS.map(() => ({ receipt: { accepted: 1, ignored: 0, nextReportMs: 10_000 } })),
    );
    expect(sql.writesLeft).toBe(0);
    const again = start();
    expect(await positions(again, "eve")).toEqual({ film: 4 });
    expect(await positions(again, "zoe")).toEqual({ film: 5 });
  });

  it("waits for more where whoever gathered it says so, unless it is a group as it comes", async () => {
    const { clock, sql, start } = shardOver({ commitWaitMsMax: 250, commitGroup: 3 });
    const shard = start();
    await keepBusy(shard, clock);
    sql.writesLeft = 1;
    const two = [of("ada", beat("film", 1)), of("bob", beat("film", 2))];
    const answers = [shard.reportMany(two, 850, true), shard.report("zoe", beat("film", 3))];
    await settled();
    expect(sql.writesLeft).toBe(1);
    clock.turn(250);
    const [gathered] = await Promise.all(answers);
    expect(sql.writesLeft).toBe(0);
    expect(gathered).toMatchObject([{ receipt: { waitedMs: 250 } }, { receipt: { waitedMs: 250 } }]);
    sql.writesLeft = 1;
    const three = [...two, of("cy", beat("film", 3))];
    for (const answer of await shard.reportMany(three, 850, true))
      expect(answer).toEqual({ receipt: { accepted: 1, ignored: 0, nextReportMs: 10_000 } });
    expect(sql.writesLeft).toBe(0);
  });

  it("cuts nobody's wait short where none of it is taken", async () => {
    const { clock, sql, start } = shardOver({ commitWaitMsMax: 250, pendingRecordsMax: 3 });
    const shard = start();
    await keepBusy(shard, clock);
    const waiting = shard.report("zoe", beat("film", 1));
    const tooMuch = [...beat("a", 1), ...beat("b", 1), ...beat("c", 1), ...beat("d", 1)];
    sql.writesLeft = 1;
    expect(await shard.reportMany([of("ada", tooMuch)], 850, true)).toMatchObject([
      { failure: { code: "OVERLOADED" } },
    ]);
    expect(sql.writesLeft).toBe(1);
    clock.turn(250);
    expect(await waiting).toMatchObject({ accepted: 1, waitedMs: 250 });
  });

  it("waits for half of what the least patient has left, at most", async () => {
    const { clock, start } = shardOver({ commitWaitMsMax: 250 });
    const shard = start();
    await keepBusy(shard, clock);
    const answer = shard.reportMany([of("ada", beat("film", 1)), of("bob", beat("film", 2))], 60, true);
    clock.turn(30);
    expect(await answer).toMatchObject([{ receipt: { waitedMs: 30 } }, { receipt: { waitedMs: 30 } }]);
  });

  it("leaves others' waits as they are: who comes after it waits no longer for it", async () => {
    const { clock, start } = shardOver({ commitWaitMsMax: 250 });
    const shard = start();
    for (let batch = 0; batch < 3; batch += 1) {
      await shard.reportMany(USERS.map((userId) => of(userId, beat("film", batch))));
      clock.turn(300);
    }
    // Nobody else calls: a wait would bring nobody.
    expect(await shard.report("zoe", beat("film", 1))).not.toHaveProperty("waitedMs");
  });

  it("is answered for each: what can't be taken of one holds up no other, nor their order", async () => {
    const { start } = shardOver({ pendingRecordsMax: 2 });
    const shard = start();
    const receipts = await shard.reportMany([
      of("ada", beat("film", 1)),
      of("bob", [...beat("a", 1), ...beat("b", 1), ...beat("c", 1)]),
      of("cy", beat("film", 2)),
    ]);
    expect(receipts).toMatchObject([
      { receipt: { accepted: 1 } },
      { failure: { code: "OVERLOADED", retryAfterMs: 5_000 } },
      { receipt: { accepted: 1 } },
    ]);
    expect(await positions(shard, "cy")).toEqual({ film: 2 });
  });

  it("is in its order where one user has two sockets", async () => {
    const { start } = shardOver();
    const shard = start();
    await shard.reportMany([of("ada", beat("film", 1)), of("ada", beat("film", 2))]);
    expect(await positions(shard)).toEqual({ film: 2 });
  });

  it("doesn't wait for what comes late, which D1 is asked about", async () => {
    const { clock, writeBack, start } = historyOver();
    const first = start();
    const at = clock.now();
    await first.report("ada", dated(beat("film", 9), at));
    await writeBack(first);
    clock.turn(MINUTE);
    const shard = start();
    const late = dated(beat("film", 1), at - MINUTE);
    const receipts = await shard.reportMany([of("ada", late), of("bob", beat("film", 3))]);
    expect(receipts).toMatchObject([
      { receipt: { accepted: 1, superseded: [{ itemId: "film", positionMs: 9 }] } },
      { receipt: { accepted: 1 } },
    ]);
  });

  it("fails as one where nothing can be written, with the storage's own error: it may be a cap", async () => {
    const { sql, start } = shardOver();
    const shard = start();
    sql.writesLeft = 0;
    const all = USERS.map((userId) => of(userId, beat("film", 1)));
    await expect(shard.reportMany(all)).rejects.toThrow("the disk is full");
    await expect(shard.reportMany(all, 850, true)).rejects.toThrow("the disk is full");
  });
});
