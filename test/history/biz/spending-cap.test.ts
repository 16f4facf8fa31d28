import { describe, expect, it } from "vitest";
import { codeOf, CodedError } from "../../../src/contracts/errors.ts";
import { createHistoryJob, type HistoryJobDeps } from "../../../src/history/biz/history-job.ts";
import { objectError } from "../../../src/platform/database/platform-errors.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { DULL_WRITER, EMPTY_SHARDS, jobParts } from "../support/job-parts.ts";
import { beat, confirmAll, keyOf, positions, shardOver } from "../support/shard-over.ts";

/* What a shard and its job do while the platform refuses SQL, alarms and databases at the cap. */

const WINDOW_MS = 300_000;
const refusal = (): Error => new Error("Exceeded the account's spending cap for Durable Objects");
const CAPPED = new CodedError("SPENDING_CAP", "refused", { cause: refusal() });

/** A shard whose account may reach its cap, and how the platform refuses an alarm then. */
function shardAtCap(how: "at once" | "a moment later") {
  const cap = { isOn: false };
  class CappedSql extends SqliteShardSql {
    override exec(...args: Parameters<SqliteShardSql["exec"]>): ReturnType<SqliteShardSql["exec"]> {
      if (cap.isOn) throw refusal();
      return super.exec(...args);
    }
  }
  const refuse = (): Error | Promise<never> => (how === "at once" ? refusal() : Promise.reject(refusal()));
  return { cap, ...shardOver({ sql: new CappedSql(), refusesAlarm: () => (cap.isOn ? refuse() : null) }) };
}

describe.each(["at once", "a moment later"] as const)("a shard whose alarms are refused %s", (how) => {
  it("tells reporters so, shows nothing of what it refused, and keeps and shows all that it acknowledged", async () => {
    const { cap, start } = shardAtCap(how);
    const shard = start();
    await shard.report("ada", beat("film", 1));
    await positions(shard);
    cap.isOn = true;
    const refused = await shard.report("ada", beat("film", 2)).catch((error: unknown) => error);
    expect(codeOf(objectError(refused, "report"))).toBe("SPENDING_CAP");
    cap.isOn = false;
    expect(await positions(shard)).toEqual({ film: 1 });
    await shard.report("ada", beat("film", 3));
    expect([await positions(shard), await positions(start())]).toEqual([{ film: 3 }, { film: 3 }]);
  });

  it("has its alarm brought again where the next one can't be set, and flushes when it is", async () => {
    const { cap, clock, sent, alarms, start } = shardAtCap(how);
    const shard = start();
    await shard.report("ada", beat("film", 1));
    clock.turn(WINDOW_MS);
    cap.isOn = true;
    // The queue may still take it: then the alarm is for the lease's end.
    await expect(shard.onAlarm()).rejects.toThrow("spending cap");
    expect(sent).toHaveLength(1);
    cap.isOn = false;
    const before = alarms.length;
    clock.turn(3_600_000);
    await shard.onAlarm();
    expect([sent.length, alarms.length]).toEqual([2, before + 1]);
    confirmAll(shard, [keyOf("film")]);
    expect(shard.status().pending).toBe(0);
  });

  it("believes in no alarm that was refused: the next call sets it", async () => {
    const { cap, clock, alarms, start } = shardAtCap(how);
    const shard = start();
    await shard.report("ada", beat("film", 1));
    clock.turn(WINDOW_MS + 60_000);
    cap.isOn = true;
    await shard.wake().catch(() => undefined);
    await Promise.resolve();
    cap.isOn = false;
    const before = alarms.length;
    await shard.wake();
    expect(alarms.slice(before)).toEqual([clock.now()]);
  });
});

describe("the job", () => {
  const record = recordOf({ userId: "ada" });
  const flush = { type: "flush", shard: 0, users: [["ada", [`${record.kind}/${record.itemId}`]]] } as const;
  const refill = { type: "refill", shard: 0, userId: "ada" } as const;
  const refuse = (): Promise<never> => Promise.reject(CAPPED);

  const outcomesOf = (shards: Partial<HistoryJobDeps["shards"]>, upsert = async () => undefined) =>
    createHistoryJob(
      jobParts({
        shards: { ...EMPTY_SHARDS, collect: async () => [record], ...shards },
        writers: [{ ...DULL_WRITER, upsert }],
      }),
    )([flush, refill]);

  it.each([
    ["a shard that gives nothing", { collect: refuse }],
    ["a shard that hears nothing", { confirm: refuse }],
    ["a database that takes nothing", {}, refuse],
  ] as const)("says of a message that the cap was in its way: %s", async (_what, shards, upsert?) => {
    expect(await outcomesOf(shards, upsert)).toEqual(["at the cap", "done"]);
  });

  it("says so of a load", async () => {
    expect(await outcomesOf({ refill: refuse })).toEqual(["done", "at the cap"]);
  });

  it("has what fails otherwise come again as ever", async () => {
    const fail = (): Promise<never> => Promise.reject(new CodedError("UNAVAILABLE", "away"));
    expect(await outcomesOf({ collect: fail })).toEqual(["again", "done"]);
  });
});
