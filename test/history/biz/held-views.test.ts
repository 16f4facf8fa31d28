import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { ItemKey } from "../../../src/contracts/history.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { UserViews } from "../../../src/history/biz/user-views.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const FILM: ItemKey = { kind: "video", itemId: "film" };
const OTHER: ItemKey = { kind: "video", itemId: "other" };
const NAME = "video/film";
const T0 = 1_700_000_000_000;
const film = (minute: number, more: Partial<HistoryRecord> = {}): HistoryRecord =>
  recordOf({ itemId: "film", durationMs: 1_000, atMs: T0 + minute, rev: (T0 + minute) * 1024, ...more });

/** A query that a test answers when it likes. */
interface Asked {
  readonly items: readonly ItemKey[] | null;
  readonly answer: (records: readonly HistoryRecord[]) => void;
  readonly fail: () => void;
}

/** Views over a database whose answers come when a test gives them. */
function views({ viewBytesMax = 1_000_000, pending = [] as readonly HistoryRecord[] } = {}) {
  const clock = new VirtualTime();
  const asked: Asked[] = [];
  const failures: string[] = [];
  const whole: string[] = [];
  const state = { clearedAtMs: 0 };
  const ask = (items: readonly ItemKey[] | null): Promise<readonly HistoryRecord[]> =>
    new Promise((answer, reject) => {
      asked.push({ items, answer, fail: () => reject(new CodedError("UNAVAILABLE", "D1 is away")) });
    });
  const users = new UserViews({
    shard: 0,
    limits: { viewBytesMax, entriesPerUserMax: 100, headEntries: 11 },
    reader: { newestOf: () => ask(null), find: (_userId, items) => ask(items) },
    queue: { send: async () => undefined },
    now: clock.now,
    schedule: clock.after,
    databaseOf: () => 0,
    pendingOf: (userId) => (userId === "ada" ? pending : []),
    admits: ({ atMs }) => atMs > state.clearedAtMs,
    onWhole: (userId) => void whole.push(userId),
    onBackgroundFailure: (what) => void failures.push(what),
  });
  return { clock, asked, failures, whole, state, users };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("whoever must know an item's state", () => {
  it("has it from D1, by one query for all that isn't known, and is sure of what isn't there", async () => {
    const { asked, users } = views();
    const holding = users.hold("ada", [FILM, OTHER], 300);
    await turn();
    expect(asked.map(({ items }) => items)).toEqual([[FILM, OTHER]]);
    asked[0]?.answer([film(1)]);
    const held = await holding;
    expect([held.get(NAME)?.atMs, held.get("video/other")]).toEqual([T0 + 1, undefined]);
    expect([held.isSureOf(NAME), held.isSureOf("video/other"), held.isSureOf("video/third")]).toEqual([
      true,
      true,
      false,
    ]);
    held.release();
  });

  it("is told of the tombstone of a deleted item", async () => {
    const { asked, users } = views();
    const holding = users.hold("ada", [FILM], 300);
    await turn();
    asked[0]?.answer([film(1, { deleted: true })]);
    const held = await holding;
    expect([held.get(NAME)?.deleted, held.isSureOf(NAME)]).toEqual([true, true]);
    held.release();
  });

  it("asks nothing of a user who is in memory whole, and only for what the head lacks of another", async () => {
    const { asked, users } = views();
    const whole = users.of("ada", "all");
    await turn();
    asked[0]?.answer([film(1)]);
    await whole;
    (await users.hold("ada", [FILM, OTHER], 300)).release();
    expect(asked).toHaveLength(1);
    const head = users.of("bob", "head");
    await turn();
    asked[1]?.answer(
      Array.from({ length: 11 }, (_, index) => film(20 - index, { userId: "bob", itemId: `film-${index}` })),
    );
    await head;
    void users.hold("bob", [{ kind: "video", itemId: "film-3" }, OTHER], 300);
    await turn();
    expect(asked[2]?.items).toEqual([OTHER]);
  });

  it.each([
    ["knows a duration that nobody has reported, which is shown", 1_000],
    ["knows none either", null],
  ])("asks once for an item of which D1 %s", async (_what, durationMs) => {
    const { asked, users } = views();
    const head = users.of("ada", "head");
    await turn();
    asked[0]?.answer(Array.from({ length: 11 }, (_, index) => film(20 - index, { itemId: `film-${index}` })));
    await head;
    users.merge(film(30, { durationMs: null }));
    const holding = users.hold("ada", [FILM], 300);
    await turn();
    asked[1]?.answer([film(1, { durationMs })]);
    const held = await holding;
    expect(held.get(NAME)).toMatchObject({ atMs: T0 + 30, durationMs });
    held.release();
    (await users.hold("ada", [FILM], 300)).release();
    expect(asked).toHaveLength(2);
  });

  it("is shown what is pending, and what comes in while D1 is asked: its answer covers nothing newer", async () => {
    const { asked, users } = views({ pending: [film(5)] });
    const holding = users.hold("ada", [FILM, OTHER], 300);
    await turn();
    users.merge(film(9, { itemId: "other" }));
    asked[0]?.answer([film(1), film(2, { itemId: "other" })]);
    const held = await holding;
    users.merge(film(12));
    expect([held.get(NAME)?.atMs, held.get("video/other")?.atMs]).toEqual([T0 + 12, T0 + 9]);
    held.release();
  });

  it("is not shown what was cleared, though D1 still has it, and is sure that there is nothing", async () => {
    const { asked, state, users } = views();
    const holding = users.hold("ada", [FILM], 300);
    await turn();
    state.clearedAtMs = T0 + 5;
    asked[0]?.answer([film(1)]);
    const held = await holding;
    expect([held.get(NAME), held.isSureOf(NAME)]).toEqual([undefined, true]);
    held.release();
  });
});

describe("a view that is held", () => {
  /** Loads a user who has as much as there is memory for. */
  async function load({ users, asked }: ReturnType<typeof views>, userId: string): Promise<void> {
    const loaded = users.of(userId, "all");
    await turn();
    asked.at(-1)?.answer([film(1, { userId })]);
    await loaded;
  }

  it("stays in memory, however full that is, or what comes in would not be in it", async () => {
    const world = views({ viewBytesMax: 1_000 });
    const holding = world.users.hold("ada", [FILM], 300);
    await turn();
    await load(world, "bob");
    world.asked[0]?.answer([]);
    const held = await holding;
    for (const other of ["cyd", "dan", "eve"]) await load(world, other);
    world.users.merge(film(7));
    expect(held.get(NAME)?.atMs).toBe(T0 + 7);
    held.release();
  });

  it("is forgotten when it is released, since it has only some of a user: a read loads them", async () => {
    const { asked, users } = views();
    const holding = users.hold("ada", [FILM], 300);
    await turn();
    asked[0]?.answer([film(1)]);
    const held = await holding;
    expect(users.count).toBe(1);
    held.release();
    expect([users.count, users.peek("ada")]).toEqual([0, undefined]);
  });

  it("is sure of nothing once it was dropped: what has come in since it has not heard of", async () => {
    const { asked, users } = views();
    const holding = users.hold("ada", [FILM, OTHER], 300);
    await turn();
    users.drop("ada");
    users.merge(film(7));
    asked[0]?.answer([film(1)]);
    const held = await holding;
    expect([held.get(NAME)?.atMs, held.isSureOf(NAME), held.isSureOf("video/other")]).toEqual([
      T0 + 1,
      false,
      false,
    ]);
    held.release();
  });

  it("is forgotten by the last who holds it", async () => {
    const { asked, users } = views();
    const holdings = [users.hold("ada", [FILM], 300), users.hold("ada", [FILM], 300)];
    await turn();
    for (const { answer } of asked) answer([]);
    const [first, second] = await Promise.all(holdings);
    first?.release();
    expect(users.count).toBe(1);
    second?.release();
    expect(users.count).toBe(0);
  });

  it("stays when it was loaded meanwhile, or before", async () => {
    const { asked, users } = views();
    const holding = users.hold("ada", [FILM], 300);
    const read = users.of("ada", "head");
    await turn();
    for (const { answer } of asked) answer([film(1)]);
    await read;
    (await holding).release();
    expect(users.peek("ada")?.get(NAME)?.atMs).toBe(T0 + 1);
    expect(asked).toHaveLength(2);
  });

  it("does not keep a user who is dropped: whoever comes next gets a view of their own", async () => {
    const { asked, users } = views();
    const holding = users.hold("ada", [FILM], 300);
    await turn();
    users.drop("ada");
    const read = users.of("ada", "head");
    await turn();
    asked[0]?.answer([film(1)]);
    (await holding).release();
    asked[1]?.answer([]);
    expect([...(await read).view.all()]).toEqual([]);
    expect(users.count).toBe(1);
  });
});

describe("who has all of a user in memory", () => {
  it("is told so, once, and not of a head alone: what is beyond what is kept can be told only then", async () => {
    const { asked, whole, users } = views();
    const head = users.of("ada", "head");
    await turn();
    asked[0]?.answer(Array.from({ length: 11 }, (_, index) => film(20 - index, { itemId: `film-${index}` })));
    await head;
    expect(whole).toEqual([]);
    const all = users.of("ada", "all");
    await turn();
    asked[1]?.answer([film(1)]);
    await all;
    await users.of("ada", "all");
    expect(whole).toEqual(["ada"]);
  });
});

describe("a database that gives nothing in time", () => {
  it("is waited for no longer than was said: what is known is told, and as not for sure", async () => {
    const { asked, clock, users } = views({ pending: [film(5)] });
    const holding = users.hold("ada", [FILM, OTHER], 300);
    let isThere = false;
    void holding.then(() => (isThere = true));
    await turn();
    clock.turn(299);
    await turn();
    expect(isThere).toBe(false);
    clock.turn(1);
    const held = await holding;
    expect([held.get(NAME)?.atMs, held.isSureOf(NAME), held.isSureOf("video/other")]).toEqual([
      T0 + 5,
      false,
      false,
    ]);
    held.release();
    // The query goes on, and what comes in goes on to be told to who shares its view.
    expect(users.count).toBe(1);
    asked[0]?.answer([]);
    await turn();
    expect(users.count).toBe(0);
  });

  it("and one that refuses takes no time at all, and is told", async () => {
    const { asked, failures, users } = views();
    const holding = users.hold("ada", [FILM], 300);
    await turn();
    asked[0]?.fail();
    const held = await holding;
    expect([held.isSureOf(NAME), failures]).toEqual([false, ["find items of a user"]]);
    held.release();
    expect(users.count).toBe(0);
  });

  it("has sixteen queries of a shard, and sixty-four that wait for one: a report is not refused for it, but judged by what is known", async () => {
    const { asked, failures, users } = views({ pending: [film(5)] });
    const holdings = Array.from({ length: 80 }, (_, index) => users.hold(`bob-${index}`, [FILM], 300));
    await turn();
    expect(asked).toHaveLength(16);
    const held = await users.hold("ada", [FILM], 300);
    expect([held.get(NAME)?.atMs, held.isSureOf(NAME)]).toEqual([T0 + 5, false]);
    expect(failures).toEqual(["find items of a user"]);
    held.release();
    for (let next = 0; next < 80; next += 1) {
      asked[next]?.answer([]);
      await turn();
    }
    for (const { isSureOf, release } of await Promise.all(holdings)) {
      expect(isSureOf(NAME)).toBe(true);
      release();
    }
    expect(users.count).toBe(0);
  });
});
