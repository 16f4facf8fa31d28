import { describe, expect, it } from "vitest";
import type { Shard } from "../../../src/history/biz/shard.ts";
import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import { BETWEEN } from "../support/between.ts";
import { historyOver } from "../support/history-over.ts";
import { shardOver } from "../support/shard-over.ts";
import { atOnce } from "../support/at-once.ts";

const MINUTE = 60_000;
const FILM = { kind: "video", itemId: "film" };
const SERIES = { kind: "video", itemId: "series" };

function people(options: Partial<ShardLimits> & { format?: number } = {}) {
  const of = historyOver(options);
  const startMs = of.clock.now();
  const report = (shard: ReturnType<typeof of.start>, item: object, positionMs: number, at?: number) =>
    shard.report("ada", [
      { ...FILM, ...item, positionMs, event: "playing", ...(at !== undefined && { at }) },
    ]);
  const list = async (shard: ReturnType<typeof of.start>) =>
    (await shard.list("ada", { limit: 100 })).items.map(({ itemId }) => itemId);
  const toContinue = async (shard: ReturnType<typeof of.start>) =>
    (await shard.continueWatching("ada", 100)).items.map(({ itemId }) => itemId);
  return { ...of, startMs, report, list, toContinue };
}
describe.each(BETWEEN)("what somebody does by hand (%s)", (_way, between) => {
  it("deletes an item, and no report that is older brings it back", async () => {
    const of = people();
    const first = of.start();
    await of.report(first, FILM, 60_000);
    await of.report(first, SERIES, 60_000);
    of.clock.turn(MINUTE);
    await first.remove("ada", FILM);
    const shard = await between(of, first);
    of.clock.turn(MINUTE);
    expect(await of.list(shard)).toEqual(["series"]);
    expect(await of.report(shard, FILM, 70_000, of.startMs + 30_000)).toMatchObject({ accepted: 1 });
    expect(await of.list(shard)).toEqual(["series"]);
    expect((await shard.lookup("ada", [FILM])).items).toEqual([]);
    await of.writeBack(shard);
    expect(await of.list(of.start())).toEqual(["series"]);
    await of.report(shard, FILM, 80_000);
    await of.writeBack(shard);
    expect(await of.list(of.start())).toEqual(["film", "series"]);
  });

  it("clears everything, and only what is newer is there", async () => {
    const of = people();
    const first = of.start();
    await of.report(first, FILM, 60_000);
    of.clock.turn(MINUTE);
    first.clear("ada");
    const shard = await between(of, first);
    of.clock.turn(MINUTE);
    expect(await of.list(shard)).toEqual([]);
    await of.report(shard, SERIES, 60_000, of.startMs + 30_000);
    expect(await of.list(shard)).toEqual([]);
    await of.report(shard, FILM, 60_000);
    await of.writeBack(shard);
    for (const reader of [shard, of.start()]) expect(await of.list(reader)).toEqual(["film"]);
  });

  it("marks an item as watched until the next report, and keeps its position", async () => {
    const of = people();
    const first = of.start();
    await of.report(first, FILM, 60_000);
    of.clock.turn(MINUTE);
    expect(await first.mark("ada", FILM, { watched: true })).toMatchObject({
      positionMs: 60_000,
      watched: true,
    });
    const shard = await between(of, first);
    expect(await of.toContinue(shard)).toEqual([]);
    expect((await shard.lookup("ada", [FILM])).items).toMatchObject([{ watched: true }]);
    of.clock.turn(MINUTE);
    await of.report(shard, FILM, 90_000);
    expect(await of.toContinue(shard)).toEqual(["film"]);
    await of.writeBack(shard);
    expect((await of.start().lookup("ada", [FILM])).items).toMatchObject([{ watched: false }]);
  });

  it("dismisses an item from what is to be continued, until the next report", async () => {
    const of = people();
    const first = of.start();
    await of.report(first, FILM, 60_000);
    of.clock.turn(MINUTE);
    await first.mark("ada", FILM, { dismissed: true });
    const shard = await between(of, first);
    expect(await of.toContinue(shard)).toEqual([]);
    expect((await shard.list("ada", { limit: 10 })).items).toMatchObject([
      { positionMs: 60_000, dismissed: true, watched: false },
    ]);
    of.clock.turn(MINUTE);
    await of.report(shard, FILM, 70_000);
    expect(await of.toContinue(shard)).toEqual(["film"]);
  });

  it("pauses: what is watched meanwhile is ignored, also when it comes later", async () => {
    const of = people();
    const first = of.start();
    first.setSettings("ada", { paused: true });
    const paused = await between(of, first);
    const pausedMs = of.clock.now();
    expect(paused.settings("ada")).toEqual({ paused: true });
    of.clock.turn(MINUTE);
    expect(await of.report(paused, FILM, 1)).toMatchObject({ accepted: 0, ignored: 1 });
    paused.setSettings("ada", { paused: false });
    const shard = await between(of, paused);
    of.clock.turn(MINUTE);
    expect(await of.report(shard, FILM, 1, pausedMs + 1)).toMatchObject({ accepted: 0, ignored: 1 });
    expect(await of.report(shard, SERIES, 1, pausedMs - MINUTE)).toMatchObject({ accepted: 1 });
    expect(await of.report(shard, FILM, 2)).toMatchObject({ accepted: 1, ignored: 0 });
    expect(await of.list(shard)).toEqual(["film", "series"]);
  });
});

describe("a mark", () => {
  it("of an item that isn't there is refused, unless it says that it was watched", async () => {
    const shard = people().start();
    await expect(shard.mark("ada", FILM, { dismissed: true })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(shard.mark("ada", FILM, { watched: false })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await shard.mark("ada", FILM, { watched: true })).toMatchObject({ positionMs: 0, watched: true });
  });

  it("of a deleted item begins anew", async () => {
    const of = people();
    const shard = of.start();
    await of.report(shard, FILM, 60_000);
    await shard.remove("ada", FILM);
    await expect(shard.mark("ada", FILM, { dismissed: true })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await shard.mark("ada", FILM, { watched: true })).toMatchObject({ positionMs: 0, watched: true });
  });

  it("that was made before the newest report changes nothing", async () => {
    const of = people();
    const shard = of.start();
    of.clock.turn(MINUTE);
    await of.report(shard, FILM, 60_000);
    const answer = await shard.mark("ada", FILM, { watched: true, at: of.startMs });
    expect(answer).toMatchObject({ watched: false, positionMs: 60_000 });
    expect((await shard.lookup("ada", [FILM])).items).toEqual([answer]);
  });

  it("waits for the database where the item isn't known, and is refused while that is away", async () => {
    const of = people();
    const first = of.start();
    await of.report(first, FILM, 60_000);
    await of.writeBack(first);
    const shard = of.start();
    of.away.isAway = true;
    await expect(shard.mark("ada", FILM, { watched: true })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    of.away.isAway = false;
    expect(await shard.mark("ada", FILM, { watched: true })).toMatchObject({ positionMs: 60_000 });
  });

  it("that was made before everything was cleared is refused, and writes nothing", async () => {
    const of = people();
    const shard = of.start();
    of.clock.turn(MINUTE);
    shard.clear("ada");
    const mark = shard.mark("ada", FILM, { watched: true, at: of.startMs });
    await expect(mark).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(shard.status().pending).toBe(0);
  });

  it("waits for a release that can read all rows, which may say anything of the item", async () => {
    const of = people();
    of.start();
    of.sql.exec("INSERT INTO unread_row (seq, part, kinds_read, payload) VALUES (1, 0, '[]', x'ff')");
    const shard = of.start();
    expect(shard.status().unreadRows).toBe(1);
    for (const mark of [{ watched: true }, { dismissed: true as const }])
      await expect(shard.mark("ada", FILM, mark)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await of.report(shard, FILM, 60_000);
    expect(await shard.mark("ada", FILM, { dismissed: true })).toMatchObject({ positionMs: 60_000 });
  });

  it("says that it is the spending cap where the database refuses for that", async () => {
    const capped = Promise.reject(new CodedError("SPENDING_CAP", "The cap is reached"));
    capped.catch(() => undefined);
    const reader = { newestOf: () => capped, find: () => capped };
    const shard = shardOver({ reader }).start();
    await expect(shard.mark("ada", FILM, { watched: true })).rejects.toMatchObject({ code: "SPENDING_CAP" });
  });
});

describe("a deletion", () => {
  it("needs no database, and is there when that is back", async () => {
    const of = people();
    const first = of.start();
    await of.report(first, FILM, 60_000);
    await of.writeBack(first);
    of.clock.turn(MINUTE);
    const shard = of.start();
    of.away.isAway = true;
    await shard.remove("ada", FILM);
    of.away.isAway = false;
    expect(await of.list(shard)).toEqual([]);
    await of.writeBack(shard);
    expect(await of.list(of.start())).toEqual([]);
  });

  it("isn't handed to a job that would take it for an entry, and stays pending", async () => {
    const of = people();
    const shard = of.start();
    await of.report(shard, FILM, 60_000);
    await shard.remove("ada", FILM);
    await shard.mark("ada", SERIES, { watched: true });
    const keys = [FILM, SERIES].map((item) => ({ userId: "ada", ...item }));
    expect(shard.collect(keys)).toEqual([]);
    expect(shard.collect(keys, 2)).toHaveLength(2);
    expect(shard.status().pending).toBe(2);
  });
});

describe("a shard that may write what older code reads only", () => {
  it("refuses what people do by hand until the format is raised, and loses no report", async () => {
    const of = people({ format: 1, entriesPerUserMax: 2 });
    const shard = of.start();
    for (const itemId of ["a", "b", "c"]) await of.report(shard, { itemId }, 1);
    const refused = { code: "UNAVAILABLE" };
    await expect(shard.mark("ada", FILM, { watched: true })).rejects.toMatchObject(refused);
    await expect(shard.remove("ada", FILM)).rejects.toMatchObject(refused);
    await expect(shard.changes("ada", { limit: 10 })).rejects.toMatchObject(refused);
    expect(() => shard.clear("ada")).toThrow(expect.objectContaining(refused));
    expect(() => shard.setSettings("ada", { paused: true })).toThrow(expect.objectContaining(refused));
    expect(of.sql.exec("SELECT * FROM user_state").toArray()).toEqual([]);
    expect(await of.list(shard)).toEqual(["c", "b"]);
    shard.raiseFormat(2);
    await shard.remove("ada", { kind: "video", itemId: "b" });
    expect(await of.list(shard)).toEqual(["c"]);
  });
});

describe("an erased user", () => {
  it("is named by nothing that is done by hand, nor waits for a database", async () => {
    const of = people();
    const shard = of.start();
    atOnce(shard.erase("ada"));
    await shard.remove("ada", FILM);
    await expect(shard.mark("ada", FILM, { watched: true })).rejects.toMatchObject({ code: "NOT_FOUND" });
    shard.clear("ada");
    shard.setSettings("ada", { paused: true });
    await shard.flushNow();
    expect([shard.status().pending, of.sent]).toEqual([0, []]);
    const rows = of.sql
      .exec("SELECT payload FROM log WHERE instr(payload, CAST('ada' AS BLOB)) > 0")
      .toArray();
    expect(rows).toEqual([]);
  });

  it("has nothing by hand either", async () => {
    const of = people();
    const shard = of.start();
    await of.report(shard, FILM, 60_000);
    shard.setSettings("ada", { paused: true });
    atOnce(shard.erase("ada"));
    await shard.remove("ada", FILM);
    shard.clear("ada");
    shard.setSettings("ada", { paused: true });
    await expect(shard.mark("ada", FILM, { watched: true })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await shard.changes("ada", { limit: 10 })).toMatchObject({ changes: [], more: false });
    expect(await shard.exportAll("ada")).toEqual({ entries: [] });
    expect(of.sql.exec("SELECT * FROM user_state").toArray()).toEqual([]);
  });
});

describe("after the clock was ten minutes ahead", () => {
  async function ahead() {
    const of = people();
    const shard = of.start();
    of.clock.turn(10 * MINUTE);
    await of.report(shard, FILM, 60_000);
    const told = await shard.changes("ada", { limit: 100 });
    of.clock.turn(-10 * MINUTE);
    return { ...of, shard, told };
  }

  it.each(["in memory", "known to D1 alone"])("a clear reaches what is %s", async (where) => {
    const { shard: first, start, writeBack, list, told } = await ahead();
    const restarted = async (shard: Shard): Promise<Shard> => {
      if (where === "in memory") return shard;
      await writeBack(shard);
      return start();
    };
    let shard = await restarted(first);
    await shard.mark("ada", SERIES, { watched: true });
    shard = await restarted(shard);
    shard.clear("ada");
    expect(await list(shard)).toEqual([]);
    shard = await restarted(shard);
    expect(await list(shard)).toEqual([]);
    const { changes } = await shard.changes("ada", { since: told.cursor, limit: 100 });
    const [cleared] = changes.flatMap((change) => ("cleared" in change ? [change.cleared] : []));
    const [entry] = told.changes.flatMap((change) => ("entry" in change ? [change.entry] : []));
    expect(cleared?.before).toBeGreaterThan(entry?.watchedAt ?? Number.POSITIVE_INFINITY);
  });

  it.each(["stays up", "restarts"])(
    "keeps what comes after a clear, though the job takes it before the clear (the shard %s)",
    async (how) => {
      const { shard: first, start, writeBack, runJob, report, list, sent } = await ahead();
      await writeBack(first);
      first.clear("ada");
      await report(first, FILM, 70_000);
      const shard = how === "restarts" ? start() : first;
      await shard.flushNow();
      const messages = sent.splice(0).filter((message) => message.type === "flush");
      expect(messages).toMatchObject([{ users: [["ada", ["video/film"]]], states: ["ada"] }]);
      for (const part of [{ states: [] }, { users: [] }]) {
        sent.push(...messages.map((message) => ({ ...message, ...part })));
        await runJob(shard);
      }
      await writeBack(shard);
      for (const reader of [shard, start()]) expect(await list(reader)).toEqual(["film"]);
    },
  );

  it("sends what was paused then within the window, as the clock says now", async () => {
    const { clock, alarms, start } = people();
    const shard = start();
    clock.turn(10 * MINUTE);
    shard.setSettings("ada", { paused: true });
    clock.turn(-10 * MINUTE);
    shard.settings("ada");
    expect(alarms.at(-1)).toBe(clock.now() + 5 * MINUTE);
  });

  it("deletes nothing by a guess at what D1 has, which may be dated ahead", async () => {
    const { shard: first, start, writeBack, list, away } = await ahead();
    await writeBack(first);
    const shard = start();
    away.isAway = true;
    const removal = shard.remove("ada", FILM).then(
      () => "removed",
      ({ code }: CodedError) => code,
    );
    expect(await removal).toBe("UNAVAILABLE");
    away.isAway = false;
    await shard.remove("ada", FILM);
    await writeBack(shard);
    for (const reader of [shard, start()]) expect(await list(reader)).toEqual([]);
  });

  it("clears what was reported after a clear that was dated ahead, too", async () => {
    const { shard, clock, report, list } = await ahead();
    clock.turn(10 * MINUTE);
    shard.clear("ada");
    clock.turn(1_000);
    await report(shard, FILM, 60_000);
    expect(await list(shard)).toHaveLength(1);
    clock.turn(-10 * MINUTE);
    shard.clear("ada");
    expect(await list(shard)).toEqual([]);
  });
});
