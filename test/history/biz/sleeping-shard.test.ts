import { describe, expect, it } from "vitest";
import { codeOf } from "../../../src/contracts/errors.ts";
import { unpackFlushMessage } from "../../../src/history/biz/flush-message.ts";
import { beat, confirmAll, keyOf, lastSeqOf, shardOver } from "../support/shard-over.ts";

const MINUTE = 60_000;
const MINUTES = 60;

interface Hour {
  /** What is reported in a minute; each time another film if absent. */
  readonly filmsOf?: (minute: number) => readonly string[];
  /** Films that the job can't confirm. */
  readonly never?: readonly string[];
  readonly liveRowsMax?: number;
}

/**
 * Reports come a minute apart, so that memory goes before each of them and before each alarm, and
 * the job confirms what it is sent.
 */
async function watchForAnHour({
  filmsOf = (minute) => [`film-${minute}`],
  never = [],
  liveRowsMax = 1_000,
}: Hour = {}) {
  const { clock, sql, sent, alarms, start } = shardOver({ liveRowsMax });
  const keys: string[] = [];
  let messages = 0;
  let pendingMax = 0;
  const ring = async (): Promise<void> => {
    alarms.length = 0;
    const shard = start();
    pendingMax = Math.max(pendingMax, shard.status().pending);
    await shard.onAlarm();
    for (const message of sent.splice(0)) {
      if (message.type !== "flush") continue;
      const asked = unpackFlushMessage(message);
      messages += 1;
      keys.push(...asked.map(({ itemId }) => itemId));
      confirmAll(
        shard,
        asked.filter(({ itemId }) => !never.includes(itemId)),
      );
    }
  };
  for (let minute = 0; minute < MINUTES; minute += 1) {
    await start().report(
      "ada",
      filmsOf(minute).flatMap((film) => beat(film, minute)),
    );
    const untilMs = clock.now() + MINUTE;
    for (let atMs = alarms.at(-1); atMs !== undefined && atMs <= untilMs; atMs = alarms.at(-1)) {
      clock.turn(Math.max(0, atMs - clock.now()));
      await ring();
    }
    clock.turn(untilMs - clock.now());
  }
  return { messages, keys, pendingMax, rows: lastSeqOf(sql) };
}

describe("a shard that is evicted between reports", () => {
  it("asks the job for each record once, though something is pending all the time", async () => {
    const { messages, keys, pendingMax, rows } = await watchForAnHour();
    expect(keys).toHaveLength(new Set(keys).size);
    // What is due within a minute travels along: two films a message.
    expect(messages).toBeLessThanOrEqual(MINUTES / 2);
    // Of a window of five minutes, and the one that has just come.
    expect(pendingMax).toBeLessThanOrEqual(6);
    expect(rows).toBeLessThanOrEqual(MINUTES + messages);
  });

  it("asks for no other record again while one is never confirmed", async () => {
    const { keys } = await watchForAnHour({ never: ["film-0"] });
    const others = keys.filter((itemId) => itemId !== "film-0");
    expect(others.length).toBeGreaterThan(MINUTES / 2);
    expect(others).toHaveLength(new Set(others).size);
  });

  it.each([
    ["alone", { filmsOf: () => ["busy"] }],
    ["beside others", { filmsOf: (minute) => ["busy", `film-${minute}`] }],
    ["beside one that is never confirmed", { filmsOf: () => ["busy", "stuck"], never: ["stuck"] }],
    ["while rows move into snapshots", { filmsOf: (minute) => ["busy", `film-${minute}`], liveRowsMax: 2 }],
  ] satisfies [string, Hour][])(
    "writes back once a window what is watched on and on, %s",
    async (_how, hour) => {
      const { keys } = await watchForAnHour(hour);
      const times = keys.filter((itemId) => itemId === "busy").length;
      expect(times).toBeGreaterThanOrEqual(MINUTES / 6);
      // What is due in a minute travels along with others.
      expect(times).toBeLessThanOrEqual(MINUTES / 4);
    },
  );
});

describe("a shard that restarts", () => {
  /** Of the second database so much is confirmed and pending that both together fill the shard. */
  async function halfFull(stuck: readonly string[]) {
    const databaseOf = (userId: string): number => (userId === "ada" ? 0 : 1);
    const over = shardOver({ databases: 2, databaseOf, pendingRecordsMax: 12 });
    const shard = over.start();
    for (const itemId of stuck) await shard.report("bob", beat(itemId, 1));
    const old = Array.from({ length: 6 - stuck.length }, (_, item) => `old-${item}`);
    for (const itemId of old) await shard.report("bob", beat(itemId, 1));
    confirmAll(
      shard,
      old.map((itemId) => keyOf(itemId, "bob")),
    );
    for (const itemId of old) await shard.report("bob", beat(`new-${itemId}`, 1));
    return over;
  }

  // I8
  it("has room for a healthy database as before: what was confirmed takes none of it", async () => {
    // Rows are freed in their order: one that waits on holds up all that came after it.
    const { start } = await halfFull(["stuck"]);
    const shard = start();
    expect(shard.status().pending).toBe(6);
    await expect(shard.report("bob", beat("too-much", 1))).rejects.toSatisfy(
      (error) => codeOf(error) === "OVERLOADED",
    );
    for (let item = 0; item < 6; item += 1)
      expect(await shard.report("ada", beat(`film-${item}`, 1))).toMatchObject({ accepted: 1 });
  });

  it("finds nothing of an item that had made room for others, once something is confirmed", async () => {
    const { clock, start } = shardOver({ entriesPerUserMax: 2 });
    const shard = start();
    for (const itemId of ["oldest", "film", "newest"]) {
      await shard.report("ada", beat(itemId, 1));
      clock.turn(1);
    }
    const keys = ["oldest", "film", "newest"].map((itemId) => keyOf(itemId));
    expect(shard.collect(keys)).toHaveLength(2);
    confirmAll(shard, [keyOf("newest")]);
    expect(start().collect(keys)).toMatchObject([{ itemId: "film" }]);
  });

  it("finds nothing of an item that is confirmed, though a report older than it came last", async () => {
    const { clock, start } = shardOver();
    const shard = start();
    await shard.report("ada", beat("film", 2));
    // It waits on, and holds up the row of the older report.
    await shard.report("ada", beat("series", 1));
    const [old] = beat("film", 1);
    await shard.report("ada", old === undefined ? [] : [{ ...old, at: clock.now() - MINUTE }]);
    confirmAll(shard, [keyOf("film")]);
    expect(start().collect([keyOf("film"), keyOf("series")])).toMatchObject([{ itemId: "series" }]);
  });
});
