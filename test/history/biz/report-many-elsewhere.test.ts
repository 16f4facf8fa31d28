import { describe, expect, it } from "vitest";
import { settled } from "../support/comet-double.ts";
import { beat, keepBusy, shardOver } from "../support/shard-over.ts";
import { ValuesInMemory } from "../support/values-in-memory.ts";

const two = ["ada", "bob"].map((userId) => ({ userId, reports: beat("film", 1) }));

async function busyShard() {
  const values = new ValuesInMemory("a");
  const { clock, sql, start } = shardOver({ commitWaitMsMax: 250, values: () => values });
  const shard = start();
  await keepBusy(shard, clock);
  return { clock, sql, shard };
}

describe("reports of many in one call to a shard whose values are elsewhere", () => {
  it("wait for more as they do elsewhere", async () => {
    const { clock, shard } = await busyShard();
    const answer = shard.reportMany(two, 850, true);
    await settled();
    clock.turn(250);
    expect(await answer).toMatchObject([{ receipt: { waitedMs: 250 } }, { receipt: { waitedMs: 250 } }]);
  });

  it("wait no longer than half of what the least patient has left", async () => {
    const { clock, shard } = await busyShard();
    const answer = shard.reportMany(two, 60, true);
    await settled();
    clock.turn(30);
    expect(await answer).toMatchObject([{ receipt: { waitedMs: 30 } }, { receipt: { waitedMs: 30 } }]);
  });
});
