import { describe, expect, it } from "vitest";
import { recordOf } from "../../support/databases/history-records.ts";
import { beat, shardOver } from "../support/shard-over.ts";

describe("a cursor", () => {
  it("beyond all that there is has the device begin again", async () => {
    const shard = shardOver().start();
    await shard.report("ada", beat("film", 1));
    const page = await shard.changes("ada", { since: "zzzzzzzzzz", limit: 10 });
    expect(page).toMatchObject({ resync: true, changes: [{ entry: { itemId: "film" } }], more: false });
    expect(await shard.changes("ada", { since: page.cursor, limit: 10 })).toEqual({
      changes: [],
      cursor: page.cursor,
      more: false,
    });
  });

  it("reaches what another object has written, and misses nothing that comes now", async () => {
    const { start, clock } = shardOver({
      reader: {
        newestOf: async () =>
          [1, 2, 3].map((n) => recordOf({ userId: "ada", itemId: `film-${n}`, atMs: n, rev: 8e15 + n })),
        find: async () => [],
      },
    });
    const shard = start();
    const first = await shard.changes("ada", { limit: 2 });
    expect([first.changes.length, first.more]).toEqual([2, true]);
    const second = await shard.changes("ada", { since: first.cursor, limit: 2 });
    expect([second.changes.length, second.more, second.resync]).toEqual([1, false, undefined]);
    clock.turn(1_000);
    await shard.report("ada", beat("new", 1));
    const { changes, resync } = await shard.changes("ada", { since: second.cursor, limit: 10 });
    expect(changes).toContainEqual({ entry: expect.objectContaining({ itemId: "new" }) as unknown });
    expect(resync).toBeUndefined();
  });
});
