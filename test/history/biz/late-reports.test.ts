import { describe, expect, it } from "vitest";
import { historyOver } from "../support/history-over.ts";
import { shardOver } from "../support/shard-over.ts";

const HOUR = 3_600_000;
const FILM = { kind: "video", itemId: "film" };
const late = (atMs: number, positionMs: number, durationMs?: number) => [
  {
    ...FILM,
    positionMs,
    event: "playing" as const,
    at: atMs,
    ...(durationMs !== undefined && { durationMs }),
  },
];

/** A shard that counts what it asks D1, which knows nothing. */
function counting() {
  let asked = 0;
  const reader = {
    newestOf: async () => [],
    find: async () => {
      asked += 1;
      return [];
    },
  };
  return { ...shardOver({ reader }), asked: () => asked };
}

describe("a device whose clock is an hour behind", () => {
  it.each([[undefined], [100_000]])(
    "has D1 asked once an item, not at each report (%s)",
    async (durationMs) => {
      const { start, clock, asked } = counting();
      const shard = start();
      for (let beat = 1; beat <= 20; beat += 1) {
        clock.turn(10_000);
        await shard.report("ada", late(clock.now() - HOUR, beat, durationMs));
      }
      expect(asked()).toBe(1);
      // What was known of the item is forgotten with the object.
      await start().report("ada", late(clock.now() - HOUR + 1, 21, durationMs));
      expect(asked()).toBe(2);
    },
  );

  it("has D1 asked of an item that another device plays, whose duration nobody has said", async () => {
    const { start, clock, asked } = counting();
    const shard = start();
    await shard.report("ada", late(clock.now(), 1_000));
    await shard.report("ada", late(clock.now() - HOUR, 2_000));
    expect(asked()).toBe(1);
  });

  it("has nothing asked of an item that another device plays, whose duration is known", async () => {
    const { start, clock, asked } = counting();
    const shard = start();
    await shard.report("ada", late(clock.now(), 1_000, 100_000));
    const receipt = await shard.report("ada", late(clock.now() - HOUR, 2_000));
    expect([asked(), receipt.superseded?.map(({ positionMs }) => positionMs)]).toEqual([0, [1_000]]);
  });
});

describe("a batch with an item twice", () => {
  it("is told of no winner where the later of the two has won over that", async () => {
    const { start, clock } = counting();
    const shard = start();
    const [atMs, beforeMs] = [clock.now() - 2_000, clock.now() - 3_000];
    await shard.report("ada", late(atMs, 1_000, 100_000));
    const batch = [...late(beforeMs, 2_000), ...late(atMs + 1_000, 3_000)];
    expect((await shard.report("ada", batch)).superseded).toBeUndefined();
    expect((await shard.report("ada", late(beforeMs, 2_000))).superseded).toHaveLength(1);
  });
});

describe("what came late while D1 was away", () => {
  it("is marked on no guess: D1 may have what is newer", async () => {
    const { start, clock, away, writeBack } = historyOver();
    const startMs = clock.now();
    const first = start();
    clock.turn(HOUR);
    await first.report("ada", late(clock.now() - 60_000, 50_000));
    await writeBack(first);
    const shard = start();
    away.isAway = true;
    await shard.report("ada", late(startMs, 10_000));
    await expect(shard.mark("ada", FILM, { watched: true })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await shard.report("ada", late(clock.now(), 60_000));
    expect(await shard.mark("ada", FILM, { dismissed: true })).toMatchObject({ positionMs: 60_000 });
    away.isAway = false;
    await writeBack(shard);
    expect(await start().mark("ada", FILM, { watched: true })).toMatchObject({ positionMs: 60_000 });
  });

  it("is a phone's whole week, in five calls at once: the later wins, and each loser is told", async () => {
    const { start, clock, writeBack } = historyOver();
    const tv = start();
    const startMs = clock.now();
    const film = (n: number, positionMs: number, at: number) => ({
      kind: "video",
      itemId: `film-${n}`,
      positionMs,
      event: "playing" as const,
      at,
    });
    clock.turn(7 * 24 * HOUR);
    for (let n = 0; n < 500; n += 100)
      await tv.report(
        "ada",
        Array.from({ length: 50 }, (_, i) => film(n + i, 2_000, clock.now() - 1_000 - i)),
      );
    await writeBack(tv);
    const shard = start();
    const calls = [0, 100, 200, 300, 400].map((n) =>
      shard.report(
        "ada",
        Array.from({ length: 100 }, (_, i) => film(n + i, 1_000, startMs + n + i)),
      ),
    );
    const receipts = await Promise.all(calls);
    expect(receipts.map(({ superseded }) => superseded?.length)).toEqual([50, 50, 50, 50, 50]);
    await writeBack(shard);
    for (const reader of [shard, start()])
      for (let n = 0; n < 500; n += 100) {
        const items = Array.from({ length: 100 }, (_, i) => ({ kind: "video", itemId: `film-${n + i}` }));
        const found = (await reader.lookup("ada", items)).items;
        expect(found.map(({ positionMs }) => positionMs)).toEqual(
          Array.from({ length: 100 }, (_, i) => (i < 50 ? 2_000 : 1_000)),
        );
      }
  });
});
