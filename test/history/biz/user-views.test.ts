import { describe, expect, it } from "vitest";
import { CodedError, isCode } from "../../../src/contracts/errors.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import type { HistoryReader } from "../../../src/history/biz/ports.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import type { VirtualTime } from "../../../testbed/virtual-time.ts";
import { beat, keyOf, positions, shardOver } from "../support/shard-over.ts";
import { EMPTY_DATABASE } from "../support/shard-parts.ts";
import { atOnce } from "../support/at-once.ts";

const T0 = 1_600_000_000_000;

/** A database with so many entries a user, that counts what it is asked. */
function storedEntries(count: number) {
  const asked: number[] = [];
  const records = Array.from({ length: count }, (_, index): HistoryRecord =>
    recordOf({
      itemId: `film-${index}`,
      positionMs: 60_000 + index,
      atMs: T0 + index,
      rev: (T0 + index) * 1024,
    }),
  );
  const newestOf = async (userId: string, limit: number): Promise<readonly HistoryRecord[]> => {
    asked.push(limit);
    return records
      .toReversed()
      .slice(0, limit)
      .map((record) => ({ ...record, userId }));
  };
  return { asked, records, reader: { ...EMPTY_DATABASE, newestOf } };
}

/** A database whose answers a test gives when it likes. */
function heldBack() {
  const waiting: {
    readonly userId: string;
    readonly answer: (records: readonly HistoryRecord[]) => void;
    readonly fail: () => void;
  }[] = [];
  const newestOf = (userId: string): Promise<readonly HistoryRecord[]> =>
    new Promise((answer, reject) => {
      waiting.push({ userId, answer, fail: () => reject(new CodedError("UNAVAILABLE", "D1 is away")) });
    });
  return { waiting, reader: { ...EMPTY_DATABASE, newestOf } };
}

/** A database that is away. */
function databaseAway(): HistoryReader {
  const refuse = (): Promise<never> => Promise.reject(new CodedError("UNAVAILABLE", "D1 is away"));
  return { newestOf: refuse, find: refuse };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const ids = (items: readonly { readonly itemId: string }[]): readonly string[] =>
  items.map(({ itemId }) => itemId);

describe("a user who is not in memory", () => {
  it("is loaded by their newest hundred, and whole only when somebody pages on", async () => {
    const { asked, reader } = storedEntries(600);
    const shard = shardOver({ reader }).start();
    expect(ids((await shard.list("ada", { limit: 20 })).items)[0]).toBe("film-599");
    await shard.continueWatching("ada", 20);
    const second = await shard.list("ada", { limit: 50 });
    await shard.list("ada", {
      limit: 40,
      ...(second.nextCursor === undefined ? {} : { cursor: second.nextCursor }),
    });
    expect(asked).toEqual([101]);
    const pages: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await shard.list("ada", { limit: 100, ...(cursor === undefined ? {} : { cursor }) });
      pages.push(...ids(page.items));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(pages).toEqual(Array.from({ length: 600 }, (_, index) => `film-${599 - index}`));
    expect(asked).toEqual([101, 5_000]);
  });

  it("is loaded once for the largest page there is, and what follows it is known", async () => {
    const { asked, reader } = storedEntries(600);
    const shard = shardOver({ reader }).start();
    const { items, nextCursor } = await shard.list("ada", { limit: 100 });
    expect([items.length, typeof nextCursor, asked]).toEqual([100, "string", [101]]);
  });

  it("with fewer entries than that is loaded once", async () => {
    const { asked, reader } = storedEntries(60);
    const shard = shardOver({ reader }).start();
    expect((await shard.list("ada", { limit: 100 })).items).toHaveLength(60);
    expect((await shard.lookup("ada", [{ kind: "video", itemId: "never-seen" }])).items).toEqual([]);
    expect((await shard.list("ada", { limit: 100, kind: "audio" })).items).toEqual([]);
    expect(asked).toEqual([101]);
  });

  it("is loaded whole when an item is looked up that is not among the newest, and what was reported meanwhile is there", async () => {
    const { asked, reader } = storedEntries(600);
    const shard = shardOver({ reader }).start();
    await shard.report("ada", beat("film-3", 77));
    expect((await shard.lookup("ada", [{ kind: "video", itemId: "film-590" }])).items).toHaveLength(1);
    expect(asked).toEqual([101]);
    const { items } = await shard.lookup("ada", [
      { kind: "video", itemId: "film-3" },
      { kind: "video", itemId: "film-4" },
    ]);
    expect(items.map(({ itemId, positionMs }) => [itemId, positionMs])).toEqual([
      ["film-3", 77],
      ["film-4", 60_004],
    ]);
    expect(asked).toEqual([101, 5_000]);
  });

  it("is loaded whole for a lookup also while rows of a later release can't be read", async () => {
    const { asked, reader } = storedEntries(600);
    const { sql, start } = shardOver({ reader });
    start();
    sql.exec("INSERT INTO unread_row (seq, part, kinds_read, payload) VALUES (1, 0, '[3]', x'ffffffff')");
    const answer = await start().lookup("ada", [{ kind: "video", itemId: "film-3" }]);
    expect(answer).toMatchObject({ degraded: true, items: [{ itemId: "film-3" }] });
    expect(asked).toEqual([101, 5_000]);
  });

  it("has what comes in while either query is under way", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ reader, viewBytesMax: 1_000 }).start();
    const whole = shard.lookup("ada", [{ kind: "video", itemId: "film" }]);
    // With a duration: of an item without one the head may not be all there is to know.
    await shard.report(
      "ada",
      beat("film", 5).map((report) => ({ ...report, durationMs: 100 })),
    );
    // Others push whatever may leave out of memory.
    for (let user = 0; user < 20; user += 1) await shard.report(`other-${user}`, beat("film", 1));
    waiting[0]?.answer(
      Array.from({ length: 101 }, (_, index) =>
        recordOf({ itemId: `old-${index}`, atMs: T0, rev: T0 * 1024 + index }),
      ),
    );
    expect((await whole).items).toMatchObject([{ itemId: "film", positionMs: 5 }]);
    const missing = shard.lookup("ada", [{ kind: "video", itemId: "missing" }]);
    await shard.report("ada", beat("missing", 9));
    await Promise.resolve();
    waiting[1]?.answer([]);
    expect((await missing).items).toMatchObject([{ itemId: "missing", positionMs: 9 }]);
  });
});

describe("many readers of one user", () => {
  it("share one query, those of the whole another one, and nobody's answer is short of what they asked for", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ reader }).start();
    const heads = Array.from({ length: 200 }, () => shard.list("ada", { limit: 10 }));
    await turn();
    expect(waiting).toHaveLength(1);
    waiting[0]?.answer(
      Array.from({ length: 101 }, (_, index) => recordOf({ itemId: `film-${index}`, atMs: T0 - index })),
    );
    for (const { items } of await Promise.all(heads)) expect(items).toHaveLength(10);
    const missing = [{ kind: "video", itemId: "missing" }];
    const wholes = Array.from({ length: 200 }, () => shard.lookup("ada", missing));
    await turn();
    expect(waiting).toHaveLength(2);
    waiting[1]?.answer([recordOf({ itemId: "missing", atMs: T0 - 500 })]);
    for (const { items } of await Promise.all(wholes)) expect(items).toHaveLength(1);
    expect((await shard.lookup("ada", [{ kind: "video", itemId: "not-there" }])).items).toEqual([]);
    expect(waiting).toHaveLength(2);
  });

  it("of whom one wants all don't give them the newest hundred for it", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ reader }).start();
    const head = shard.list("ada", { limit: 10 });
    const whole = shard.exportAll("ada");
    await turn();
    const stored = Array.from({ length: 150 }, (_, index) =>
      recordOf({ itemId: `film-${index}`, atMs: T0 - index }),
    );
    waiting[0]?.answer(stored.slice(0, 101));
    waiting[1]?.answer(stored);
    expect([(await head).items.length, (await whole).entries.length]).toEqual([10, 150]);
  });

  it("share a query that fails, which is not remembered: the next asks again", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ reader }).start();
    const reads = Array.from({ length: 50 }, () => shard.list("ada", { limit: 10 }));
    await turn();
    waiting[0]?.fail();
    for (const { degraded } of await Promise.all(reads)) expect(degraded).toBe(true);
    expect(waiting).toHaveLength(1);
    const later = shard.list("ada", { limit: 10 });
    await turn();
    waiting[1]?.answer([recordOf({ itemId: "film" })]);
    const page = await later;
    expect([ids(page.items), page.degraded]).toEqual([["film"], undefined]);
  });
});

describe("what is remembered of a user is forgotten while they are loaded", () => {
  it("and whoever asks from then on is not given the old answer", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ reader }).start();
    const early = shard.list("ada", { limit: 10 });
    await turn();
    shard.forgetView("ada");
    const late = positions(shard);
    await turn();
    waiting[0]?.answer([]);
    waiting[1]?.answer([recordOf({ itemId: "redriven", positionMs: 7 })]);
    expect(await late).toEqual({ redriven: 7 });
    expect((await early).items).toEqual([]);
  });

  it("and a query from before that fails takes nothing from the load that came after", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ reader }).start();
    const early = shard.list("ada", { limit: 10 });
    await turn();
    shard.forgetView("ada");
    const late = shard.list("ada", { limit: 10 });
    await turn();
    waiting[0]?.fail();
    await early;
    await shard.report("ada", beat("film", 3));
    const own = positions(shard);
    await turn();
    waiting[1]?.answer([]);
    await late;
    expect(await own).toEqual({ film: 3 });
  });
});

describe("a user without a history", () => {
  it("is believed to have none for about half a minute, and asked for again after that", async () => {
    const { asked, reader } = storedEntries(0);
    const { clock, start } = shardOver({ reader });
    const shard = start();
    for (const passedMs of [0, 22_000, 16_000]) {
      clock.turn(passedMs);
      await positions(shard);
    }
    expect(asked).toHaveLength(2);
  });

  it("is no longer taken for one as soon as something is reported", async () => {
    const { asked, reader } = storedEntries(0);
    const { clock, start } = shardOver({ reader });
    const shard = start();
    expect(await positions(shard)).toEqual({});
    await shard.report("ada", beat("film", 7));
    clock.turn(3_600_000);
    expect([await positions(shard), asked]).toEqual([{ film: 7 }, [101]]);
  });
});

describe("a user who is loading", () => {
  it("is shown nothing if they are erased before D1 has answered", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ reader }).start();
    const list = shard.list("ada", { limit: 10 });
    await turn();
    atOnce(shard.erase("ada"));
    waiting[0]?.answer([recordOf({ itemId: "film" })]);
    expect((await list).items).toEqual([]);
  });

  it("stays in memory, however full it is, until D1 has answered: or whoever joins would miss their own report", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ reader, viewBytesMax: 100 }).start();
    const early = shard.list("ada", { limit: 10 });
    await turn();
    const other = shard.list("bob", { limit: 10 });
    await turn();
    waiting[1]?.answer([recordOf({ userId: "bob", itemId: "film" })]);
    await other;
    await shard.report("ada", beat("film", 3));
    const own = positions(shard);
    await turn();
    waiting[0]?.answer([]);
    await early;
    expect(await own).toEqual({ film: 3 });
  });
});

describe("an item that was deleted", () => {
  it("is neither listed nor found, though it is remembered", async () => {
    const shard = shardOver().start();
    await shard.report("ada", [...beat("film", 60_000), ...beat("kept", 60_000)]);
    await shard.remove("ada", { kind: "video", itemId: "film" });
    const { items } = await shard.lookup("ada", [
      { kind: "video", itemId: "film" },
      { kind: "video", itemId: "kept" },
    ]);
    expect([ids(items), await positions(shard)]).toEqual([["kept"], { kept: 60_000 }]);
    expect((await shard.changes("ada", { limit: 100 })).changes).toContainEqual({
      removed: { kind: "video", itemId: "film", at: expect.any(Number) },
    });
  });
});

describe("entries beyond the newest thousand", () => {
  it("are found by neither list nor lookup, though a few more are held", async () => {
    const { reader } = storedEntries(1_000);
    const shard = shardOver({ reader, pendingRecordsMax: 5_000 }).start();
    await shard.lookup("ada", [{ kind: "video", itemId: "film-0" }]);
    for (let item = 0; item < 50; item += 1) await shard.report("ada", beat(`new-${item}`, item));
    const lookup = async (itemId: string): Promise<number> =>
      (await shard.lookup("ada", [{ kind: "video", itemId }])).items.length;
    expect([
      await lookup("film-0"),
      await lookup("film-49"),
      await lookup("film-50"),
      await lookup("new-0"),
    ]).toEqual([0, 0, 1, 1]);
    let listed = 0;
    let cursor: string | undefined;
    do {
      const page = await shard.list("ada", { limit: 100, ...(cursor === undefined ? {} : { cursor }) });
      listed += page.items.length;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(listed).toBe(1_000);
  });
});

describe("a database that hangs", () => {
  const twoDatabases = { databases: 2, databaseOf: (userId: string) => (userId.startsWith("b") ? 1 : 0) };

  /** A database that takes so long for each query. */
  function slowBy(ms: number, answer: (userId: string) => Promise<readonly HistoryRecord[]>) {
    const timers: VirtualTime[] = [];
    const newestOf = async (userId: string): Promise<readonly HistoryRecord[]> => {
      await new Promise<void>((resolve) => timers[0]?.after(ms, resolve));
      return answer(userId);
    };
    const over = shardOver({ reader: { ...EMPTY_DATABASE, newestOf } });
    timers.push(over.clock);
    return over;
  }

  /** How long each read takes, in ms, whatever becomes of it. */
  async function timed(clock: VirtualTime, reads: readonly Promise<unknown>[]): Promise<readonly number[]> {
    const startMs = clock.now();
    const took = reads.map((read) => read.then(() => clock.now() - startMs));
    for (let step = 0; step < 40; step += 1) {
      await turn();
      clock.turn(50);
    }
    return Promise.all(took);
  }

  it("keeps no reader longer than a call of the shard may take, however many wait for a place, or it would be the shard's fault", async () => {
    const { clock, start } = slowBy(300, () => Promise.reject(new CodedError("UNAVAILABLE", "D1 is away")));
    const shard = start();
    const reads = Array.from({ length: 60 }, (_, index) => shard.list(`ada-${index}`, { limit: 10 }));
    expect(Math.max(...(await timed(clock, reads)))).toBeLessThan(CALL_TIMEOUT_MS.shard);
    for (const { degraded } of await Promise.all(reads)) expect(degraded).toBe(true);
  });

  it("keeps no reader longer than their caller has time left, and shows them what is in memory", async () => {
    const { clock, start } = slowBy(300, () => Promise.reject(new CodedError("UNAVAILABLE", "D1 is away")));
    const shard = start();
    await shard.report("ada", beat("m1", 60_000));
    const reads = [
      shard.list("ada", { limit: 10 }, 120),
      shard.continueWatching("ada", 10, 120),
      shard.lookup("ada", [{ kind: "video", itemId: "m1" }], 120),
    ];
    expect(Math.max(...(await timed(clock, reads)))).toBeLessThan(200);
    for (const read of reads) expect(await read).toMatchObject({ items: [{ itemId: "m1" }], degraded: true });
  });

  it("keeps no reader longer who needs two queries, and has answered whoever comes after", async () => {
    const many = Array.from({ length: 200 }, (_, index) =>
      recordOf({ itemId: `film-${index}`, atMs: T0 - index, rev: T0 * 1024 }),
    );
    const { clock, start } = slowBy(200, async () => many);
    const shard = start();
    const missing = [{ kind: "video", itemId: "missing" }];
    const first = shard.lookup("ada", missing);
    expect(Math.max(...(await timed(clock, [first])))).toBeLessThan(CALL_TIMEOUT_MS.shard);
    expect(await first).toEqual({ items: [], degraded: true });
    expect(await shard.lookup("ada", missing)).toEqual({ items: [] });
  });

  it("shows a report to readers of a user who was forgotten while an earlier query was under way, though that one fails", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ reader }).start();
    const before = shard.list("ada", { limit: 10 });
    await turn();
    shard.forgetView("ada");
    const after = shard.list("ada", { limit: 10 });
    await turn();
    waiting[0]?.fail();
    await before;
    await shard.report("ada", beat("film", 7));
    const own = positions(shard);
    waiting[1]?.answer([]);
    expect(await own).toEqual({ film: 7 });
    await after;
  });

  it("takes its own places and no other database's, and who finds none is refused rather than kept", async () => {
    const { waiting, reader } = heldBack();
    const shard = shardOver({ ...twoDatabases, reader }).start();
    const stuck = Array.from({ length: 200 }, (_, index) => shard.list(`ada-${index}`, { limit: 10 }));
    const refused = stuck.slice(80);
    for (const { status } of await Promise.allSettled(refused)) expect(status).toBe("rejected");
    await expect(refused[0]).rejects.toSatisfy((error) => isCode(error, "OVERLOADED"));
    expect(waiting).toHaveLength(16);
    const other = shard.list("bob", { limit: 10 });
    await Promise.resolve();
    await Promise.resolve();
    expect(waiting.at(-1)?.userId).toBe("bob");
    waiting.at(-1)?.answer([]);
    expect((await other).degraded).toBeUndefined();
    for (let index = 0; index < waiting.length; index += 1) {
      waiting[index]?.fail();
      await Promise.resolve();
      await Promise.resolve();
      await turn();
    }
    for (const answer of await Promise.all(stuck.slice(0, 80))) expect(answer.degraded).toBe(true);
  });

  it("is asked for a refill ever more seldom, however many users are read", async () => {
    const reader = databaseAway();
    const { clock, sent, start } = shardOver({ reader });
    const shard = start();
    for (let second = 0; second < 3_600; second += 1) {
      expect(await shard.list(`ada-${second}`, { limit: 10 })).toMatchObject({ degraded: true });
      clock.turn(1_000);
    }
    expect(sent.length).toBeGreaterThan(3);
    expect(sent.length).toBeLessThanOrEqual(14);
    expect(new Set(sent.map(({ type }) => type))).toEqual(new Set(["refill"]));
  });

  it("is asked at once again when it goes away once more, having answered between", async () => {
    const away = { isAway: true };
    const newestOf = async (): Promise<never[]> => {
      if (away.isAway) throw new Error("the database is away");
      return [];
    };
    const { clock, sent, start } = shardOver({ reader: { newestOf, find: newestOf } });
    const shard = start();
    for (const [index, isAway] of [true, false, true].entries()) {
      away.isAway = isAway;
      await shard.list(`ada-${index}`, { limit: 10 });
      clock.turn(1_000);
    }
    expect(sent).toMatchObject([{ userId: "ada-0" }, { userId: "ada-2" }]);
  });

  it("leaves what is pending of a user visible, and of nobody else", async () => {
    const reader = databaseAway();
    const shard = shardOver({ reader, pendingRecordsMax: 30_000, pendingBytesMax: 50_000_000 }).start();
    await shard.report("ada", beat("film", 1));
    expect(await positions(shard)).toEqual({ film: 1 });
    expect(await positions(shard, "bob")).toEqual({});
    expect(shard.collect([keyOf("film")])).toHaveLength(1);
  });
});
