import { describe, expect, it } from "vitest";
import type { UserNews } from "../../../src/contracts/realtime-rpc.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { ITEMS_PER_USER_MAX } from "../../../src/history/biz/untold.ts";
import { CometDouble, settled } from "../support/comet-double.ts";
import { historyOver } from "../support/history-over.ts";
import { atOnce } from "../support/at-once.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const COMET = "shard-0";
const film = { kind: "video", itemId: "film" };

type Options = Parameters<typeof historyOver>[0];

function listeningShard(options: Options = {}) {
  const comet = new CometDouble();
  const over = historyOver({ ...options, tellComet: comet.tell });
  let version = 0;
  const join = (shard: Shard, sockets = 2, userId = "ada") =>
    shard.join(COMET, { userId, sockets, version: (version += 1) }, null);
  let positionMs = 0;
  const beatOf = (itemId: string, at?: number) => ({
    kind: "video",
    itemId,
    positionMs: (positionMs += 1_000),
    durationMs: 600_000,
    event: "playing" as const,
    ...(at !== undefined && { at }),
  });
  const play = (shard: Shard, itemId: string, at?: number) => shard.report("ada", [beatOf(itemId, at)]);
  const playFrom = (shard: Shard, socket: string, others: boolean, itemId = "film", at = version) =>
    shard.reportMany([{ userId: "ada", reports: [beatOf(itemId)], source: { socket, others, version: at } }]);
  /** A shard with a device that has joined a while ago. */
  const started = async (sockets = 2): Promise<Shard> => {
    const shard = over.start();
    await join(shard, sockets);
    over.clock.turn(MINUTE);
    return shard;
  };
  return { ...over, comet, join, play, playFrom, started };
}

const itemsOf = (news: readonly UserNews[]): readonly string[] =>
  news.flatMap((one) =>
    "changes" in one ? one.changes.flatMap((change) => ("entry" in change ? [change.entry.itemId] : [])) : [],
  );

describe("a device that listens", () => {
  it("is told of reports, marks, deletes, clears and settings, each with a place from which nothing follows", async () => {
    const { comet, play, started } = listeningShard();
    const shard = await started();
    const works = [
      () => play(shard, "film"),
      () => shard.mark("ada", film, { watched: true }),
      () => shard.remove("ada", film),
      () => play(shard, "other"),
      async () => shard.clear("ada"),
      async () => shard.setSettings("ada", { paused: true }),
    ];
    for (const work of works) {
      const { cursor: since } = await shard.changes("ada", { limit: 100 });
      await work();
      await settled();
      const [news, ...more] = comet.taken();
      expect(more).toEqual([]);
      expect(news).toMatchObject({ userId: "ada", changes: [{}] });
      const page = await shard.changes("ada", { limit: 100, since });
      expect(news).toEqual({ userId: "ada", changes: page.changes, cursor: page.cursor });
    }
  });

  it("is told of the newest of what has changed while a call was under way, in order, one call at a time", async () => {
    const { comet, play, started } = listeningShard();
    const shard = await started();
    comet.does = "holds";
    await play(shard, "first");
    await settled();
    for (const itemId of ["a", "b", "a"]) await play(shard, itemId);
    await settled();
    expect(comet.calls).toHaveLength(1);
    comet.calls.length = 0;
    await comet.release();
    expect(itemsOf(comet.taken())).toEqual(["b", "a"]);
    await comet.release();
    expect(comet.calls).toEqual([]);
  });

  it("costs no call where the report came from its user's only socket, and one with that socket left out where there are others", async () => {
    const { comet, playFrom, started } = listeningShard();
    const shard = await started(1);
    await playFrom(shard, "phone", false);
    await settled();
    expect(comet.calls).toEqual([]);
    await playFrom(shard, "phone", true);
    await settled();
    expect(comet.taken()).toMatchObject([{ except: "phone", changes: [{ entry: film }] }]);
  });

  it("is told though its comet knew nothing of it when it sent the report: it has joined since", async () => {
    const { clock, comet, join, playFrom, started } = listeningShard();
    const shard = await started(1);
    await join(shard, 1);
    // However late the call is.
    for (const byMs of [1_000, 10 * MINUTE]) {
      clock.turn(byMs);
      await playFrom(shard, "gone", false, "film", 1);
      await settled();
      expect(comet.taken()).toMatchObject([{ except: "gone" }]);
    }
  });

  it("is told all where something came from elsewhere meanwhile", async () => {
    const { comet, play, playFrom, started } = listeningShard();
    const shard = await started();
    comet.does = "holds";
    await play(shard, "first");
    await settled();
    await playFrom(shard, "phone", true, "a");
    await playFrom(shard, "tv", true, "b");
    await settled();
    comet.calls.length = 0;
    await comet.release();
    const [news] = comet.taken();
    expect(itemsOf(news === undefined ? [] : [news])).toEqual(["a", "b"]);
    expect(news).not.toHaveProperty("except");
  });

  it("is told what it has sent itself where something from elsewhere was on its way to it: that comes after", async () => {
    const { comet, play, playFrom, started } = listeningShard();
    const shard = await started(1);
    comet.does = "holds";
    await play(shard, "film");
    await settled();
    await playFrom(shard, "phone", false);
    comet.calls.length = 0;
    await comet.release();
    const [news] = comet.taken();
    expect(news).toMatchObject({ changes: [{ entry: { ...film, positionMs: 2_000 } }] });
    expect(news).not.toHaveProperty("except");
  });

  it("is told nothing of others, and nobody is told where nobody listens", async () => {
    const { comet, play, start, join } = listeningShard();
    const shard = start();
    await play(shard, "film");
    await join(shard, 1, "bob");
    await play(shard, "film");
    await settled();
    expect(comet.calls).toEqual([]);
  });

  it("is told nothing any more when it has left, and is forgotten where its comet says that it is gone", async () => {
    const { comet, play, started, join } = listeningShard();
    const shard = await started();
    shard.leave(COMET, [{ userId: "ada", sockets: 0, version: 100 }]);
    await play(shard, "film");
    await settled();
    expect(comet.calls).toEqual([]);
    await join(shard);
    comet.gone.add("ada");
    await play(shard, "film");
    await play(shard, "film");
    await settled();
    expect(comet.calls).toHaveLength(1);
  });

  it("is not forgotten where it has joined after the call was sent that found nobody", async () => {
    const { comet, play, started, join } = listeningShard();
    const shard = await started();
    comet.does = "holds";
    await play(shard, "film");
    await settled();
    comet.gone.add("ada");
    await join(shard);
    await comet.release();
    comet.gone.clear();
    await play(shard, "other");
    await settled();
    expect(itemsOf(comet.calls.flatMap(({ news }) => news))).toEqual(["film", "other"]);
  });

  it("is told that its user is erased, and isn't listened for any more", async () => {
    const { comet, play, sql, started } = listeningShard();
    const shard = await started();
    atOnce(shard.erase("ada"));
    await settled();
    expect(comet.taken()).toEqual([{ userId: "ada", erased: true }]);
    await play(shard, "film");
    await settled();
    expect(comet.calls).toEqual([]);
    expect(sql.exec("SELECT user_id FROM listener").toArray()).toEqual([]);
    await expect(shard.join(COMET, { userId: "ada", sockets: 1, version: 9 }, null)).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
  });

  it("gets what it missed as it joins, as changes say it", async () => {
    const { play, start } = listeningShard();
    const shard = start();
    await play(shard, "film");
    const { cursor: since } = await shard.changes("ada", { limit: 10 });
    await play(shard, "other");
    const listener = { userId: "ada", sockets: 1, version: 1 };
    expect(await shard.join(COMET, listener, { since, limit: 10 })).toEqual(
      await shard.changes("ada", { since, limit: 10 }),
    );
  });
});

describe("news that memory can't tell for sure", () => {
  const behind = { userId: "ada", behind: expect.any(String) };

  it("are that there are some: D1 may know better of what came late, or its duration", async () => {
    const { clock, away, comet, play, writeBack, started, start } = listeningShard();
    const first = await started();
    for (const itemId of ["film", "late"]) await play(first, itemId);
    await settled();
    await writeBack(first);
    const shard = start();
    await settled();
    comet.taken();
    away.isAway = true;
    await play(shard, "late", clock.now() - MINUTE);
    await settled();
    expect(comet.taken()).toEqual([behind]);
    away.isAway = false;
    await shard.report("ada", [{ ...film, positionMs: 1, event: "playing" }]);
    await settled();
    expect(comet.taken()).toEqual([behind]);
    // Once it has been asked for, memory knows.
    await shard.changes("ada", { limit: 10 });
    await shard.report("ada", [{ ...film, positionMs: 2, event: "playing" }]);
    await settled();
    expect(comet.taken()).toMatchObject([{ changes: [{ entry: { ...film, durationMs: 600_000 } }] }]);
  });

  it("are told with what is trimmed, where memory reaches that far", async () => {
    const { comet, play, started } = listeningShard({ entriesPerUserMax: 2 });
    const shard = await started();
    await shard.changes("ada", { limit: 10 });
    for (const itemId of ["a", "b"]) await play(shard, itemId);
    await settled();
    comet.taken();
    const { cursor: since } = await shard.changes("ada", { limit: 10 });
    await play(shard, "c");
    await settled();
    const { changes } = await shard.changes("ada", { since, limit: 10 });
    expect(changes).toContainEqual({ trimmed: { before: expect.any(Number) } });
    expect(comet.taken()).toMatchObject([{ changes }]);
  });

  it("are that there are some where D1 may have what is dated a moment later, and memory hasn't any more", async () => {
    const { clock, comet, play, start, started, writeBack } = listeningShard();
    const first = await started();
    await play(first, "film");
    await settled();
    await writeBack(first);
    for (const shard of [first, start()]) {
      await settled();
      comet.taken();
      await play(shard, "film", clock.now() - 1);
      await settled();
      expect(comet.taken()).toEqual([behind]);
    }
  });

  it("are what is left of them where something was cleared meanwhile", async () => {
    const { comet, play, started } = listeningShard();
    const shard = await started();
    comet.does = "holds";
    await play(shard, "first");
    await settled();
    await play(shard, "gone");
    shard.clear("ada");
    await play(shard, "after");
    comet.calls.length = 0;
    await comet.release();
    expect(comet.taken()).toMatchObject([
      { changes: [{ cleared: { before: expect.any(Number) } }, { entry: { itemId: "after" } }] },
    ]);
  });

  it("are that there are some where what was deleted is forgotten before it was told, so that a device begins anew", async () => {
    const { clock, comet, play, started, writeBack } = listeningShard();
    const shard = await started();
    for (const itemId of ["film", "other"]) await play(shard, itemId);
    await settled();
    comet.taken();
    comet.does = "refuses";
    await shard.remove("ada", film);
    await settled();
    await writeBack(shard);
    clock.turn(31 * DAY);
    await play(shard, "other");
    for (const _ of [1, 2]) await writeBack(shard);
    comet.does = "takes";
    clock.turn(MINUTE);
    await shard.onAlarm();
    await settled();
    const [news] = comet.taken();
    expect(news).toEqual(behind);
    const since = news !== undefined && "behind" in news ? news.behind : "";
    expect(await shard.changes("ada", { since, limit: 10 })).toHaveProperty("resync", true);
  });

  it("are that there are some where they are many", async () => {
    const { comet, play, started } = listeningShard();
    const shard = await started();
    comet.does = "holds";
    await play(shard, "first");
    await settled();
    const { cursor } = await shard.changes("ada", { limit: 100 });
    comet.calls.length = 0;
    for (let item = 0; item <= ITEMS_PER_USER_MAX; item += 1) await play(shard, `film-${item}`);
    await comet.release();
    expect(comet.taken()).toEqual([{ userId: "ada", behind: cursor }]);
  });
});

// I47
describe("news that don't arrive", () => {
  it("go out again by the alarm, with what has come since, at a growing distance that is bounded", async () => {
    const { clock, alarms, comet, failures, play, started } = listeningShard();
    const shard = await started();
    comet.does = "refuses";
    await play(shard, "a");
    await settled();
    const pauses: number[] = [];
    for (let retry = 0; retry < 9; retry += 1) {
      const dueMs = alarms.at(-1) ?? 0;
      pauses.push(dueMs - clock.now());
      clock.turn(dueMs - clock.now());
      await shard.onAlarm();
      await settled();
    }
    expect(failures).toEqual(Array.from({ length: 10 }, () => "tell a comet"));
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1_000));
    comet.does = "takes";
    await play(shard, "b");
    await settled();
    expect(comet.calls).toEqual([]);
    clock.turn(MINUTE);
    await shard.onAlarm();
    await settled();
    expect(itemsOf(comet.taken())).toEqual(["a", "b"]);
  });

  it("are that there are some where a comet of another release doesn't know them: others wait for none", async () => {
    const { clock, comet, join, play, started } = listeningShard();
    const shard = await started();
    await join(shard, 2, "bob");
    comet.knows = (news) => !("changes" in news) || news.userId !== "ada";
    await play(shard, "film");
    await settled();
    await shard.report("bob", [{ ...film, positionMs: 1, durationMs: 9, event: "playing" }]);
    clock.turn(1_000);
    await shard.onAlarm();
    await settled();
    expect(comet.taken()).toMatchObject([
      { userId: "ada", behind: expect.any(String) },
      { userId: "bob", changes: [{}] },
    ]);
  });

  it("go out no more when every socket that they are for must be gone: no comet is called for ever", async () => {
    const { clock, sql, comet, join, play, started } = listeningShard();
    const shard = await started();
    comet.does = "refuses";
    await play(shard, "a");
    await settled();
    const fail = async (minutes: number): Promise<void> => {
      for (let minute = 0; minute < minutes; minute += 1) {
        clock.turn(MINUTE);
        await shard.onAlarm();
        await settled();
      }
    };
    const users = (): readonly unknown[] => sql.exec("SELECT user_id FROM listener").toArray();
    await fail(20 * 60);
    await join(shard, 1, "bob");
    await fail(4 * 60);
    expect(users()).toHaveLength(2);
    await fail(2 * 60);
    expect(users()).toEqual([{ user_id: "bob" }]);
    comet.does = "takes";
    await fail(2);
    expect(comet.calls).toEqual([]);
  });

  it("go out with whoever comes, where the alarm was lost", async () => {
    const { clock, comet, play, started } = listeningShard();
    const shard = await started();
    comet.does = "refuses";
    await play(shard, "a");
    await settled();
    comet.does = "takes";
    clock.turn(1_000);
    shard.settings("bob");
    await settled();
    expect(itemsOf(comet.taken())).toEqual(["a"]);
  });

  it("set no alarm where they arrive", async () => {
    const { alarms, play, started } = listeningShard();
    const shard = await started();
    for (const itemId of ["a", "b", "c"]) await play(shard, itemId);
    await settled();
    // The flush's.
    expect(alarms).toHaveLength(1);
  });

  it("hold up no report, and none of their costs is a row", async () => {
    const { sql, comet, play, started } = listeningShard();
    const shard = await started();
    comet.does = "refuses";
    sql.writesLeft = 2;
    await play(shard, "a");
    await play(shard, "b");
    await settled();
    expect(sql.writesLeft).toBe(0);
  });

  it("are told by the shard that starts after it, and no more than what may not have arrived", async () => {
    const { comet, play, start, started } = listeningShard();
    const shard = await started();
    await play(shard, "told");
    await settled();
    comet.does = "refuses";
    await play(shard, "a");
    await play(shard, "b");
    await settled();
    comet.does = "takes";
    comet.taken();
    start();
    await settled();
    expect(itemsOf(comet.taken())).toEqual(expect.arrayContaining(["a", "b"]));
  });

  it("are none where all was told, or nobody else listened, before the shard was evicted", async () => {
    const { comet, play, playFrom, start, started } = listeningShard();
    const shard = await started(1);
    await play(shard, "told");
    await settled();
    await playFrom(shard, "phone", false, "own");
    comet.taken();
    start();
    await settled();
    expect(comet.taken()).toEqual([]);
  });

  it("are behind what D1 has taken meanwhile, also after a restart, and not any more once they are told", async () => {
    const { clock, comet, play, start, started, writeBack } = listeningShard();
    const shard = await started();
    await play(shard, "told");
    await settled();
    const { cursor } = await shard.changes("ada", { limit: 10 });
    comet.taken();
    comet.does = "refuses";
    await play(shard, "film");
    await settled();
    await writeBack(shard);
    comet.does = "takes";
    const restarted = start();
    await settled();
    expect(comet.taken()).toEqual([{ userId: "ada", behind: cursor }]);
    start();
    await settled();
    expect(comet.taken()).toEqual([]);
    clock.turn(MINUTE);
    await play(restarted, "film");
  });

  it("are all of it where a release wrote the log that tells nobody", async () => {
    const { comet, play, sql, start, started } = listeningShard();
    const shard = await started();
    await play(shard, "film");
    await settled();
    comet.taken();
    sql.exec("UPDATE log SET told_rev = NULL");
    start();
    await settled();
    expect(comet.taken()).toEqual([{ userId: "ada", behind: "0" }]);
  });
});
