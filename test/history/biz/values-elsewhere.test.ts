import { describe, expect, it, vi } from "vitest";
import type { DatedReport } from "../../../src/contracts/history.ts";
import { confirmationOf } from "../../../src/history/biz/record.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { LOG_FORMAT } from "../../../src/history/biz/log-format.ts";
import type { TellComet } from "../../../src/history/biz/ports.ts";
import { beat, keyOf, positions, shardOver } from "../support/shard-over.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { ValuesInMemory } from "../support/values-in-memory.ts";

/** A shard whose values are elsewhere, and that place. */
function shardWithValues(format?: number, tellComet?: TellComet) {
  const values = new ValuesInMemory("a", "b");
  const beside = { values: values as ValuesInMemory | null };
  const over = shardOver({
    values: () => beside.values,
    ...(format !== undefined && { format }),
    ...(tellComet !== undefined && { tellComet }),
  });
  return { ...over, values, beside };
}

/** So long that everything has happened which was not held up. */
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

const away = (): Error => new Error("the endpoint is away");

/** What the job does: all that is pending of these items is in D1 then. */
async function writeBack(shard: Shard, ...items: readonly string[]): Promise<readonly number[]> {
  const records = await shard.collect(
    items.map((item) => keyOf(item)),
    LOG_FORMAT,
  );
  await shard.confirm(records.map(confirmationOf));
  return records.map(({ positionMs }) => positionMs);
}

const pendingOf = async (shard: Shard): Promise<readonly string[]> =>
  (
    await shard.collect(
      ["film", "series"].map((item) => keyOf(item)),
      LOG_FORMAT,
    )
  ).map(({ itemId, positionMs }) => `${itemId} ${positionMs}`);

describe("a shard whose values are elsewhere", () => {
  it("answers a report when its value is there, and the log has no more than the key", async () => {
    const { start, values, sql } = shardWithValues();
    const shard = start();
    let open: () => void = () => undefined;
    values.gate = new Promise((resolve) => (open = resolve));
    let isAnswered = false;
    const receipt = shard.report("ada", beat("film", 77_777)).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await soon();
    expect([isAnswered, values.at().size]).toEqual([false, 0]);
    open();
    expect(await receipt).toMatchObject({ accepted: 1 });
    expect(values.at().get("ada/video/film")).toMatchObject({
      record: { positionMs: 77_777 },
      endsAtMs: null,
    });
    const [own] = shardOverRow(sql);
    const plain = shardOver();
    await plain.start().report("ada", beat("film", 77_777));
    expect(own).not.toEqual(shardOverRow(plain.sql)[0]);
  });

  it("shows nothing that would be lost if it died now", async () => {
    const { start, values } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    let open: () => void = () => undefined;
    values.gate = new Promise((resolve) => (open = resolve));
    const second = shard.report("ada", beat("film", 2));
    await Promise.resolve();
    let shown: unknown = null;
    const read = positions(shard).then((answer) => (shown = answer));
    await soon();
    expect(shown).toBeNull();
    open();
    await Promise.all([second, read]);
    expect(shown).toEqual({ film: 2 });
  });

  it("tells nobody of what would be lost if it died now", async () => {
    const told: string[] = [];
    const { start, values } = shardWithValues(undefined, async (comet) => {
      told.push(comet);
      return [];
    });
    const shard = start();
    await shard.join("shard-0", { userId: "ada", sockets: 1, version: 1 }, null);
    let open: () => void = () => undefined;
    values.gate = new Promise((resolve) => (open = resolve));
    const report = shard.report("ada", beat("film", 1));
    await soon();
    expect(told).toEqual([]);
    open();
    await report;
    await soon();
    expect(told).toEqual(["shard-0"]);
  });

  it("refuses what could not be kept anywhere, and that alone", async () => {
    const { start, values } = shardWithValues();
    const shard = start();
    const answers = await Promise.allSettled([
      shard.report("ada", beat("film", -1)),
      shard.report("bob", beat("film", 2)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect([...values.at().keys()]).toEqual(["bob/video/film"]);
  });

  it("has what is acknowledged after a loss, wherever that is and however it is dated", async () => {
    const { start, values, clock, losses } = shardWithValues();
    values.gate = new Promise(() => undefined);
    const [first] = beat("film", 1);
    void start().report("ada", [{ ...first, at: clock.now() + 30_000 } as DatedReport]);
    await soon();
    values.gate = Promise.resolve();
    values.acquire = () => "b";
    const again = start();
    await again.report("ada", beat("film", 2));
    expect(values.at("b").size).toBe(1);
    expect(await positions(start())).toEqual({ film: 2 });
    expect(await positions(start())).toEqual({ film: 2 });
    // What is told once is over.
    expect(losses.lostValues).toBe(1);
  });

  it("finds after a restart what it has acknowledged", async () => {
    const { start } = shardWithValues();
    await start().report("ada", [...beat("film", 5), ...beat("series", 6)]);
    const again = start();
    expect(await positions(again)).toEqual({ film: 5, series: 6 });
    expect(await pendingOf(again)).toEqual(["film 5", "series 6"]);
  });

  it("takes a value into its log where the endpoint doesn't, and needs that no more", async () => {
    const { start, values, failures } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    values.fails = away;
    expect(await shard.report("ada", beat("film", 2))).toMatchObject({ accepted: 1 });
    expect(await shard.report("ada", beat("series", 3))).toMatchObject({ accepted: 1 });
    expect(failures).toEqual(["keep values outside of the shard"]);
    expect(await positions(start())).toEqual({ film: 2, series: 3 });
    expect(values.calls.filter((call) => call === "put")).toHaveLength(2);
  });

  it("goes on with an endpoint that is well again", async () => {
    const { start, values, clock } = shardWithValues();
    const shard = start();
    values.fails = away;
    await shard.report("ada", beat("film", 1));
    values.fails = null;
    clock.turn(60_000);
    await shard.report("ada", beat("series", 2));
    expect([...values.at().keys()]).toEqual(["ada/video/series"]);
  });

  it("that dies before a value has arrived has what it had acknowledged before", async () => {
    const { start, values, losses } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    values.gate = new Promise(() => undefined);
    void shard.report("ada", beat("film", 2));
    await soon();
    values.gate = Promise.resolve();
    const again = start();
    expect(await pendingOf(again)).toEqual(["film 1"]);
    // It can't know that nobody was told.
    expect(losses.lostValues).toBe(1);
  });

  it("refuses whose values can't be read after a restart, and serves everybody else", async () => {
    const { start, values, clock } = shardWithValues();
    await start().report("ada", beat("film", 1));
    values.fails = away;
    const again = start();
    await expect(positions(again)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(again.report("ada", beat("film", 2))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await again.report("bob", beat("film", 3))).toMatchObject({ accepted: 1 });
    const sockets = await again.reportMany([
      { userId: "ada", reports: beat("film", 4) },
      { userId: "bob", reports: beat("film", 5) },
    ]);
    expect(sockets).toMatchObject([{ failure: { code: "UNAVAILABLE" } }, { receipt: { accepted: 1 } }]);
    expect(again.status().unreadValues).toBe(1);
    values.fails = null;
    clock.turn(60_000);
    expect(await positions(again)).toEqual({ film: 1 });
    expect(again.status().unreadValues).toBeUndefined();
  });

  it("reads values back by its alarm, whoever asks for them", async () => {
    const { start, sent } = shardWithValues();
    await start().report("ada", beat("film", 1));
    const again = start();
    expect(again.status()).toMatchObject({ unreadValues: 1, pending: 0 });
    await again.onAlarm();
    expect(again.status()).toMatchObject({ pending: 1 });
    await again.flushNow();
    expect(sent).toHaveLength(1);
  });

  it("reads what the job has come for in one call, however many users it is of", async () => {
    const { start, values } = shardWithValues();
    const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const shard = start();
    for (const userId of users) await shard.report(userId, beat("film", 1));
    const again = start();
    values.calls.length = 0;
    const keys = users.map((userId) => ({ ...keyOf("film"), userId }));
    // Who comes meanwhile for one of them waits for the same call.
    const [records] = await Promise.all([again.collect(keys, LOG_FORMAT), positions(again, "user-0")]);
    expect(records).toHaveLength(users.length);
    expect(values.calls.filter((call) => call === "recall")).toHaveLength(1);
  });

  it("gives the job what the endpoint has lost while it is in memory, and says so", async () => {
    const { start, values, failures, losses } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    values.at().clear();
    expect(await pendingOf(shard)).toEqual(["film 1"]);
    expect(failures).toEqual(["find values that the hot store was to have"]);
    expect(losses.lostValues).toBe(0);
    expect(await positions(start())).toEqual({ film: 1 });
  });

  it("tells operators what is lost for good, and waits for it no more", async () => {
    const { start, values, losses } = shardWithValues();
    await start().report("ada", [...beat("film", 1), ...beat("series", 2)]);
    values.at().delete("ada/video/film");
    const again = start();
    expect(await positions(again)).toEqual({ series: 2 });
    expect([losses.lostValues, again.status().lostValues]).toEqual([1, 1]);
    await positions(start());
    expect(losses.lostValues).toBe(1);
    await writeBack(again, "series");
    expect(start().status()).toMatchObject({ pending: 0 });
    expect(start().status().unreadValues).toBeUndefined();
  });

  it("gives a value its lifetime only when D1 has it", async () => {
    const { start, values } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    const records = await shard.collect([keyOf("film")], LOG_FORMAT);
    await shard.report("ada", beat("film", 2));
    await shard.confirm(records.map(confirmationOf));
    expect(values.at().get("ada/video/film")).toMatchObject({ endsAtMs: null });
    await writeBack(shard, "film");
    expect(values.at().get("ada/video/film")).toMatchObject({ endsAtMs: expect.any(Number) });
    expect(await pendingOf(start())).toEqual([]);
  });

  it("keeps pending what an endpoint could not be told of, and drops everything else", async () => {
    const { start, values } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    const records = await shard.collect([keyOf("film")], LOG_FORMAT);
    values.fails = (call) => (call === "drop" || call === "put" ? away() : null);
    await shard.report("ada", beat("series", 2));
    const others = await shard.collect([keyOf("series")], LOG_FORMAT);
    await expect(shard.confirm([...records, ...others].map(confirmationOf))).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    expect(shard.status().pending).toBeGreaterThan(0);
    values.fails = null;
    await writeBack(shard, "film", "series");
    expect(shard.status().pending).toBe(0);
    expect(values.at().get("ada/video/film")).toMatchObject({ endsAtMs: expect.any(Number) });
  });

  it("keeps a value that is dated before one that D1 has, and finds that after a restart", async () => {
    const { start, values, clock } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    await writeBack(shard, "film");
    const [late] = beat("film", 2);
    await shard.report("ada", [{ ...late, at: clock.now() - 600_000 } as DatedReport]);
    expect(values.at().get("ada/video/film")).toMatchObject({ record: { positionMs: 2 }, endsAtMs: null });
    expect(await pendingOf(start())).toEqual(["film 2"]);
  });

  it("has its log take what is dated before a value that nobody let go of, and never finds that", async () => {
    const { start, values, clock } = shardWithValues();
    const stray = recordOf({ userId: "ada", itemId: "film", positionMs: 9, atMs: clock.now() + 1 });
    values.at().set("ada/video/film", { record: stray, endsAtMs: null });
    await start().report("ada", beat("film", 2));
    expect(await pendingOf(start())).toEqual(["film 2"]);
  });

  it("takes no confirmation of a value that it has not read back: it may know more by now", async () => {
    const { start, values, clock } = shardWithValues();
    await start().report("ada", beat("film", 1));
    const again = start();
    values.fails = (call) => (call === "recall" ? away() : null);
    const confirmed = { ...keyOf("film"), rev: Number.MAX_SAFE_INTEGER };
    await expect(again.confirm([confirmed])).rejects.toMatchObject({ code: "UNAVAILABLE" });
    values.fails = null;
    clock.turn(60_000);
    expect(await pendingOf(again)).toEqual(["film 1"]);
  });

  it("counts at an endpoint what is pending there, whatever becomes of it", async () => {
    const { start, values, sql } = shardWithValues();
    const shard = start();
    await shard.report("ada", [...beat("film", 1), ...beat("series", 2)]);
    await shard.report("bob", beat("film", 3));
    expect(values.load).toBe(3);
    await writeBack(shard, "film");
    expect(values.load).toBe(2);
    const failing = vi.spyOn(sql, "exec").mockImplementation(() => {
      throw new Error("the storage failed");
    });
    await expect(shard.report("cyd", beat("film", 4))).rejects.toThrow("the storage failed");
    failing.mockRestore();
    expect(values.load).toBe(2);
    await shard.erase("bob");
    expect(values.load).toBe(1);
  });

  it("tries again in time where its clock is set back meanwhile", async () => {
    const { start, values, clock, alarms } = shardWithValues();
    await start().report("ada", beat("film", 1));
    values.fails = (call) => (call === "recall" ? away() : null);
    const again = start();
    await again.onAlarm();
    clock.turn(-86_400_000);
    await again.wake();
    expect(alarms.at(-1)).toBeLessThanOrEqual(clock.now() + 300_000);
    values.fails = null;
    clock.turn(300_000);
    await again.onAlarm();
    expect(again.status().unreadValues).toBeUndefined();
  });

  it("brings back no older state that D1 has had, in the place of one that has not arrived", async () => {
    const { start, values } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    await writeBack(shard, "film");
    await shard.remove("ada", { kind: "video", itemId: "film" });
    await writeBack(shard, "film");
    values.gate = new Promise(() => undefined);
    void shard.report("ada", beat("film", 2));
    await soon();
    values.gate = Promise.resolve();
    const again = start();
    expect(await positions(again)).toEqual({});
    expect(await pendingOf(again)).toEqual([]);
  });

  it("lets go of nothing that two have read back at once", async () => {
    const { start, values } = shardWithValues();
    await start().report("ada", beat("film", 1));
    const again = start();
    await Promise.all([again.onAlarm(), positions(again), pendingOf(again)]);
    await again.onAlarm();
    expect(values.at().get("ada/video/film")).toMatchObject({ endsAtMs: null });
  });

  it("lets go of what was cleared", async () => {
    const { start, values } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    shard.clear("ada");
    await shard.onAlarm();
    expect(values.at().get("ada/video/film")).toMatchObject({ endsAtMs: expect.any(Number) });
    expect(await positions(start())).toEqual({});
  });

  it("leaves nothing of an erased user, and says so only when that is so", async () => {
    const { start, values } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    values.fails = (call) => (call === "forget" ? away() : null);
    await expect(shard.erase("ada")).rejects.toThrow("away");
    values.fails = null;
    await shard.erase("ada");
    expect(values.at().size).toBe(0);
  });

  it("keeps what people do by hand in its log, and takes the value of a report along", async () => {
    const { start, values } = shardWithValues();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    await shard.remove("ada", { kind: "video", itemId: "film" });
    values.at().clear();
    const again = start();
    expect(again.status().unreadValues).toBeUndefined();
    expect(await positions(again)).toEqual({});
    expect(again.status().pending).toBe(1);
  });

  it("drains by itself where the store is changed, either way", async () => {
    const { start, values, beside } = shardWithValues();
    beside.values = null;
    await start().report("ada", beat("film", 1));
    beside.values = values;
    const withValues = start();
    await withValues.report("ada", [...beat("film", 2), ...beat("series", 3)]);
    // What is in the log stays there until D1 has it: a value that never arrived would be missed.
    expect([...values.at().keys()]).toEqual(["ada/video/series"]);
    await writeBack(withValues, "film");
    await withValues.report("ada", beat("film", 4));
    expect([...values.at().keys()]).toEqual(["ada/video/series", "ada/video/film"]);
    values.takesNew = false;
    const draining = start();
    expect(await positions(draining)).toMatchObject({ series: 3, film: 4 });
    await draining.report("ada", beat("other", 5));
    expect(values.at().has("ada/video/other")).toBe(false);
    expect(await writeBack(draining, "film", "series", "other")).toEqual([4, 3, 5]);
    beside.values = null;
    expect(start().status()).toMatchObject({ pending: 0 });
    expect(start().status().unreadValues).toBeUndefined();
  });

  it("says which endpoint it needs where that is not configured any more", async () => {
    const { start, beside, failures } = shardWithValues();
    await start().report("ada", beat("film", 1));
    beside.values = null;
    const without = start();
    expect(failures).toEqual(["read values back"]);
    await expect(positions(without)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await without.report("bob", beat("film", 2))).toMatchObject({ accepted: 1 });
  });

  it("keeps values in its log until all shards can read a key", async () => {
    const { start, values, formats } = shardWithValues(LOG_FORMAT - 1);
    const shard = start();
    await shard.report("ada", beat("film", 1));
    expect(values.at().size).toBe(0);
    formats.raiseFormat(LOG_FORMAT);
    await shard.report("ada", beat("series", 1));
    expect(values.at().size).toBe(1);
  });
});

function shardOverRow(sql: ReturnType<typeof shardOver>["sql"]): readonly unknown[] {
  return sql
    .exec("SELECT length(payload) AS bytes FROM log")
    .toArray()
    .map((row) => row["bytes"]);
}
