import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isCode } from "../../../src/contracts/errors.ts";
import { beat, keepBusy, keyOf as key, positions, shardOver } from "../support/shard-over.ts";
import { atOnce } from "../support/at-once.ts";

describe("a shard", () => {
  it("does not date a report before those it has acknowledged when its clock steps back over a restart", async () => {
    const { clock, start } = shardOver();
    await start().report("ada", beat("film", 1));
    clock.stepBack(30_000);
    const restarted = start();
    await restarted.report("ada", beat("film", 2));
    expect(await positions(restarted)).toEqual({ film: 2 });
  });

  it("sends everything early when it is half full, long before its window", async () => {
    const { clock, sent, alarms, start } = shardOver({ pendingRecordsMax: 10 });
    const shard = start();
    for (let item = 0; item < 6; item += 1) await shard.report("ada", beat(`film-${item}`, 1));
    expect(alarms.at(-1)).toBe(clock.now());
    await shard.onAlarm();
    expect(sent).toHaveLength(1);
  });

  // I4
  it("never brings an old state back after a restart, when the row of its successor is free", async () => {
    const { start } = shardOver();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    await shard.report("ada", beat("film", 2));
    const [record] = atOnce(shard.collect([key("film")]));
    atOnce(shard.confirm([{ ...key("film"), rev: record?.rev ?? 0 }]));
    await shard.report("ada", beat("other", 1));
    expect(atOnce(start().collect([key("film")]))).toEqual([]);
  });

  it("keeps stragglers in a snapshot rather than thousands of rows", async () => {
    const { start } = shardOver({ liveRowsMax: 20 });
    const shard = start();
    await shard.report("ada", beat("straggler", 7));
    for (let round = 0; round < 100; round += 1) await shard.report("ada", beat("busy", round));
    expect(shard.status().liveLogRows).toBeLessThanOrEqual(21);
    expect(await positions(start())).toEqual({ straggler: 7, busy: 99 });
  });

  // I3
  it("agrees with a plain map through any mix of reports, confirms and restarts", async () => {
    const step = fc.record({
      action: fc.constantFrom("report", "confirm", "restart"),
      item: fc.constantFrom("a", "b", "c"),
      ms: fc.nat(50),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { clock, start } = shardOver({ liveRowsMax: 5 });
        let shard = start();
        const unconfirmed = new Map<string, number>();
        for (const [index, { action, item, ms }] of steps.entries()) {
          clock.turn(ms);
          if (action === "restart") shard = start();
          else if (action === "report") {
            await shard.report("ada", beat(item, index));
            unconfirmed.set(item, index);
          } else {
            const [record] = atOnce(shard.collect([key(item)]));
            if (record !== undefined) atOnce(shard.confirm([{ ...key(item), rev: record.rev }]));
            unconfirmed.delete(item);
          }
          const pending = new Map(
            atOnce(shard.collect(["a", "b", "c"].map((itemId) => key(itemId)))).map(
              ({ itemId, positionMs }) => [itemId, positionMs],
            ),
          );
          for (const [itemId, positionMs] of unconfirmed) expect(pending.get(itemId)).toBe(positionMs);
        }
      }),
    );
  });

  it("refuses a report that can't be written down, and none of those that shared its commit", async () => {
    const { clock, start } = shardOver({ commitWaitMsMax: 50 });
    const shard = start();
    await keepBusy(shard, clock);
    const waiting = [
      shard.report("ada", beat("film", 2)),
      shard.report("bob", beat("film", -7)),
      shard.report("cleo", beat("film", 3)),
    ];
    clock.turn(50);
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    await expect(waiting[1]).rejects.toSatisfy((error) => isCode(error, "INVALID"));
    const restarted = start();
    expect([
      await positions(restarted, "ada"),
      await positions(restarted, "bob"),
      await positions(restarted, "cleo"),
    ]).toEqual([{ film: 2 }, {}, { film: 3 }]);
  });
});
