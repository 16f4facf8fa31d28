import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import { confirmationOf } from "../../../src/history/biz/record.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { beat, keyOf, shardOver } from "../support/shard-over.ts";
import { ValuesInMemory } from "../support/values-in-memory.ts";

const ITEMS = ["a", "b", "c"];

/** Faults of the connection: the call is lost, or only its answer. */
type Fault = "none" | "before" | "after" | "never";
type Step =
  | { readonly type: "report"; readonly item: string; readonly fault: Fault }
  | { readonly type: "die in the middle of a report"; readonly item: string; readonly arrives: boolean }
  | { readonly type: "restart" | "write back" | "copy" | "fail over" | "switch" | "wait" | "tend" }
  | { readonly type: "delete"; readonly item: string };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("report" as const),
      item: fc.constantFrom(...ITEMS),
      fault: fc.constantFrom<Fault>("none", "none", "none", "before", "after"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("die in the middle of a report" as const),
      item: fc.constantFrom(...ITEMS),
      arrives: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom("restart", "write back", "copy", "fail over", "switch", "wait", "tend")
      .map((type) => ({ type })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("delete" as const), item: fc.constantFrom(...ITEMS) }),
  },
);

/** An endpoint whose connection fails on either side of a call, and that falls back to a copy. */
class Failing extends ValuesInMemory {
  fault: Fault = "none";

  copy(): void {
    for (const endpoint of this.endpoints.values()) endpoint.copy();
  }

  failOver(): void {
    for (const endpoint of this.endpoints.values()) endpoint.failOver();
  }

  override async put(...call: Parameters<ValuesInMemory["put"]>): ReturnType<ValuesInMemory["put"]> {
    if (this.fault === "before") throw new Error("the connection was lost before the call");
    const refused = await super.put(...call);
    if (this.fault === "after") throw new Error("the connection was lost after the call");
    // Whoever waits dies before the answer.
    if (this.fault === "never") await new Promise(() => undefined);
    return refused;
  }
}

/**
 * Drives a shard, and says what it promises of each item: the position that is safe whatever comes,
 * and the one that is gone if Redis loses it and the shard restarts.
 */
async function run(steps: readonly Step[]): Promise<{
  readonly lost: number;
  readonly told: number;
  readonly wrong: readonly string[];
}> {
  const values = new Failing("a");
  const over = shardOver({ values: () => values });
  let shard: Shard = over.start();
  let positionMs = 0;
  /**
   * The newest that was acknowledged, and those that may stand in its place: never acknowledged.
   */
  const acked = new Map<string, number>();
  const mayStand = new Map<string, Set<number>>();
  const stored = new Map<string, number>();
  let hasFailedOver = false;
  let lost = 0;
  const wrong: string[] = [];
  const hold = (holds: boolean, what: string): void => void (holds || wrong.push(what));

  const check = async (): Promise<void> => {
    const records = await shard.collect(
      ITEMS.map((item) => keyOf(item)),
      LOG_FORMAT,
    );
    for (const item of ITEMS) {
      const want = acked.get(item) ?? 0;
      const record = records.find(({ itemId }) => itemId === item);
      const found = Math.max(
        record === undefined ? 0 : record.deleted ? want : record.positionMs,
        stored.get(item) ?? 0,
      );
      if (found < want) {
        hold(hasFailedOver, `${item}: ${want} was acknowledged, ${found} is there`);
        lost += 1;
        acked.set(item, found);
      }
      const isKnown = found <= (acked.get(item) ?? 0) || mayStand.get(item)?.has(found) === true;
      hold(isKnown, `${item}: ${found} was reported`);
    }
  };
  const restart = async (): Promise<void> => {
    shard = over.start();
    over.clock.turn(20_000);
    await shard.onAlarm();
    await check();
    hasFailedOver = false;
  };

  for (const each of steps) {
    over.clock.turn(10);
    if (each.type === "report") {
      positionMs += 1;
      values.fault = each.fault;
      // Whatever fails, the report is taken: by the log.
      const { accepted } = await shard.report("ada", beat(each.item, positionMs));
      hold(accepted === 1, `${each.item}: ${positionMs} is taken`);
      acked.set(each.item, positionMs);
      values.fault = "none";
    } else if (each.type === "die in the middle of a report") {
      positionMs += 1;
      values.fault = each.arrives ? "never" : "none";
      if (!each.arrives) values.gate = new Promise(() => undefined);
      const stands = mayStand.get(each.item) ?? new Set<number>();
      mayStand.set(each.item, stands.add(positionMs));
      void shard.report("ada", beat(each.item, positionMs)).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 0));
      // A row more: what the first one has overtaken is needed no longer.
      positionMs += 1;
      const other = ITEMS[(ITEMS.indexOf(each.item) + 1) % ITEMS.length] ?? each.item;
      mayStand.set(other, (mayStand.get(other) ?? new Set<number>()).add(positionMs));
      void shard.report("ada", beat(other, positionMs)).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 0));
      values.gate = Promise.resolve();
      values.fault = "none";
      await restart();
    } else if (each.type === "restart") await restart();
    else if (each.type === "write back") {
      const records = await shard.collect(
        ITEMS.map((item) => keyOf(item)),
        LOG_FORMAT,
      );
      for (const record of records)
        if (!record.deleted)
          stored.set(record.itemId, Math.max(stored.get(record.itemId) ?? 0, record.positionMs));
        else stored.set(record.itemId, acked.get(record.itemId) ?? 0);
      await shard.confirm(records.map(confirmationOf));
    } else if (each.type === "copy") values.copy();
    else if (each.type === "fail over") {
      values.failOver();
      hasFailedOver = true;
    } else if (each.type === "switch") values.takesNew = !values.takesNew;
    else if (each.type === "wait") over.clock.turn(30_000);
    else if (each.type === "delete") await shard.remove("ada", { kind: "video", itemId: each.item });
    else await shard.onAlarm();
  }
  await restart();
  return { lost, told: over.losses.lostValues, wrong };
}

describe("values outside of the shard", () => {
  it("are lost only where their endpoint has lost them and the shard restarts, and then it is told", async () => {
    let losses = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const { lost, told, wrong } = await run(steps);
        expect(wrong).toEqual([]);
        losses += lost;
        expect(told).toBeGreaterThanOrEqual(lost);
      }),
      { numRuns: 300 },
    );
    // It has met what it is about.
    expect(losses).toBeGreaterThan(0);
  }, 60_000);
});
