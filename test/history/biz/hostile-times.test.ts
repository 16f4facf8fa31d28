import { describe, expect, it } from "vitest";
import { historyOver } from "../support/history-over.ts";
import { shardOver } from "../support/shard-over.ts";

const FILM = { kind: "video", itemId: "film", positionMs: 20_000, event: "playing" } as const;

/* What comes of clocks that are wrong, of clients and of the shard's own. */

describe("a report of a time that no clock will ever show", () => {
  it.each([2 ** 52, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER])("%d is dated now, and kept", async (at) => {
    const { start, clock, writeBack } = historyOver();
    const shard = start();
    const others = { kind: "video", itemId: "series", positionMs: 1, event: "playing" } as const;
    const film = { ...FILM, at };
    const given = [film, others, { ...FILM, itemId: "dated", at: clock.now(), rawAt: at }];
    expect(await shard.report("ada", given)).toMatchObject({ accepted: 3, ignored: 0 });
    const entries = (await start().list("ada", { limit: 10 })).items;
    expect(entries.map(({ watchedAt }) => watchedAt)).toEqual([clock.now(), clock.now(), clock.now()]);
    await writeBack(shard);
    clock.turn(60_000);
    await shard.report("ada", [film]);
    expect((await start().list("ada", { limit: 10 })).items).toEqual(entries);
  });
});

describe("a player whose clock is far ahead", () => {
  it("costs no query of the database for an item that is in memory", async () => {
    let queries = 0;
    const asked = async <T>(rows: T): Promise<T> => {
      queries += 1;
      return rows;
    };
    const { start, clock } = shardOver({
      reader: { newestOf: () => asked([]), find: () => asked([]) },
    });
    const shard = start();
    for (let beat = 0; beat < 5; beat += 1) {
      await shard.report("ada", [{ ...FILM, positionMs: beat * 10_000, at: clock.now() + 3_600_000 }]);
      clock.turn(10_000);
    }
    expect(queries).toBe(1);
  });
});

describe("a place in a user's changes", () => {
  it("is none that a shard may pass again, whose clock was set back while it was away", async () => {
    const { start, clock } = historyOver();
    const shard = start();
    await shard.report("ada", [{ ...FILM, at: clock.now() }]);
    clock.turn(60_000);
    // The same again is not written down, and neither is what time it was.
    await shard.report("ada", [{ ...FILM, at: clock.now() - 60_000 }]);
    const { cursor } = await shard.changes("ada", { limit: 10 });
    clock.turn(-30_000);
    const restarted = start();
    await restarted.report("ada", [{ ...FILM, itemId: "series" }]);
    const { changes } = await restarted.changes("ada", { limit: 10, since: cursor });
    expect(changes).toMatchObject([{ entry: { itemId: "series" } }]);
  });
});

describe("an entry that a clock far ahead has dated", () => {
  it("is gone once it is deleted, and stays so when it is written back", async () => {
    const { start, clock, writeBack } = historyOver();
    const shard = start();
    clock.turn(30 * 86_400_000);
    await shard.report("ada", [FILM]);
    clock.turn(-30 * 86_400_000);
    const restarted = start();
    expect((await restarted.list("ada", { limit: 10 })).items).toMatchObject([{ itemId: "film" }]);
    await restarted.remove("ada", FILM);
    expect((await restarted.list("ada", { limit: 10 })).items).toEqual([]);
    await writeBack(restarted);
    expect((await start().list("ada", { limit: 10 })).items).toEqual([]);
  });
});
