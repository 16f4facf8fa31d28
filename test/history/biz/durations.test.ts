import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Entry, Report } from "../../../src/contracts/history.ts";
import { confirmationOf, type HistoryRecord } from "../../../src/history/biz/record.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import { d1HistoryReader } from "../../../src/history/data/d1-history-reader.ts";
import { d1HistoryWriter } from "../../../src/history/data/d1-history-writer.ts";
import { d1Rejected } from "../../../src/history/data/d1-rejected.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { BETWEEN } from "../support/between.ts";
import { keyOf, shardOver } from "../support/shard-over.ts";
import { atOnce } from "../support/at-once.ts";

/*
 * A film's length is known to some reports and not to others. What becomes of it on every way from
 * the report to the database and back.
 */

const DURATION_MS = 10_000;
const KEY = keyOf("film");
const INSERT = "INSERT INTO history (user_id, kind, item_id, position_ms, duration_ms, event, at, rev)";

/** A shard, its database, and the job's steps one by one. */
function history(limits: Partial<ShardLimits> = {}) {
  const db = sqliteD1(migrationsOf("history"));
  const over = shardOver({ reader: d1HistoryReader(() => db), liveRowsMax: 4, ...limits });
  const writer = d1HistoryWriter(db, over.clock.now);
  const startMs = over.clock.now();
  const report = (
    shard: Shard,
    positionMs: number,
    more: Partial<Report> = {},
    at = startMs + positionMs - 100_000,
  ) => shard.report("ada", [{ kind: "video", itemId: "film", positionMs, event: "playing", at, ...more }]);
  const confirm = (shard: Shard, records: readonly HistoryRecord[]): void =>
    atOnce(shard.confirm(records.map(confirmationOf)));
  const writeBack = async (shard: Shard): Promise<void> => {
    const records = atOnce(shard.collect([KEY]));
    await writer.upsert(records);
    confirm(shard, records);
  };
  const shown = async (shard: Shard): Promise<Entry | undefined> =>
    (await shard.lookup("ada", [KEY])).items[0];
  const stored = () =>
    db.statement("SELECT position_ms AS positionMs, duration_ms AS durationMs FROM history").get();
  return { ...over, db, writer, report, confirm, writeBack, shown, stored };
}

const UNKNOWN: readonly (readonly [string, Partial<Report>])[] = [
  ["no duration", {}],
  ["a duration of 0", { durationMs: 0 }],
];

/** What happens between the report that knows the duration and the one that doesn't. */
const WAYS: readonly (readonly [string, (of: ReturnType<typeof history>, shard: Shard) => Promise<Shard>])[] =
  [
    ...BETWEEN,
    [
      "while the job has the item",
      async ({ writer }, shard) => {
        await writer.upsert(atOnce(shard.collect([KEY])));
        return shard;
      },
    ],
  ];

describe.each(UNKNOWN)("a heartbeat with %s", (_name, unknown) => {
  it.each(WAYS)("keeps the known one and brings no finished item back: %s", async (_way, between) => {
    const of = history();
    const first = of.start();
    await of.report(first, 9_600, { durationMs: DURATION_MS });
    const shard = await between(of, first);
    await of.report(shard, 9_700, unknown);
    for (const reader of [shard, of.start()]) {
      expect(await of.shown(reader)).toMatchObject({ positionMs: 9_700, durationMs: DURATION_MS });
      expect((await reader.continueWatching("ada", 20)).items).toEqual([]);
    }
    await of.writeBack(of.start());
    expect(of.stored()).toEqual({ positionMs: 9_700, durationMs: DURATION_MS });
    expect(await of.shown(of.start())).toMatchObject({ durationMs: DURATION_MS });
  });

  it("isn't a finished one: nothing says how long the film is", async () => {
    const { start, report, shown } = history();
    const shard = start();
    await report(shard, 9_600, unknown);
    expect(await shown(shard)).not.toHaveProperty("durationMs");
    expect((await shard.continueWatching("ada", 20)).items).toHaveLength(1);
  });

  it.each(["before", "after"])(
    "finds the duration behind the newest entries, where those are loaded %s it",
    async (when) => {
      const { db, start, report } = history({ headEntries: 2 });
      const insert = db.statement(`${INSERT} VALUES ('ada', 'video', ?, 9600, ?, 'playing', ?, 7)`);
      for (const [index, itemId] of ["film", "a", "b", "c"].entries())
        insert.run(itemId, DURATION_MS, 1_600_000_000_000 + index);
      const shard = start();
      if (when === "after") await shard.list("ada", { limit: 1 });
      await report(shard, 9_700, unknown);
      const expected = [
        expect.objectContaining({ itemId: "film", positionMs: 9_700, durationMs: DURATION_MS }) as Entry,
      ];
      expect((await shard.lookup("ada", [KEY])).items).toEqual(expected);
      expect((await shard.list("ada", { limit: 1 })).items).toEqual(expected);
      expect((await shard.continueWatching("ada", 20)).items).toEqual([]);
    },
  );

  it("learns nothing of what was removed in between", async () => {
    const { db, start, report, writeBack, shown } = history();
    const shard = start();
    await report(shard, 1, { durationMs: DURATION_MS });
    await writeBack(shard);
    db.sqlite.exec("DELETE FROM history");
    shard.forgetView("ada");
    await report(shard, 2, unknown);
    await writeBack(shard);
    expect(await shown(start())).toMatchObject({ positionMs: 2 });
    expect(await shown(start())).not.toHaveProperty("durationMs");
  });

  it("changes nothing that was stored before without one, nor a stored 0", async () => {
    for (const durationMs of [null, 0]) {
      const { db, start, report, writeBack, stored, shown } = history();
      const atMs = 1_600_000_000_000;
      db.statement(`${INSERT} VALUES ('ada', 'video', 'film', 9999, ?, 'playing', ?, 7)`).run(
        durationMs,
        atMs,
      );
      const shard = start();
      expect(await shown(shard)).toEqual({
        watched: false,
        kind: "video",
        itemId: "film",
        positionMs: 9_999,
        event: "playing",
        watchedAt: atMs,
      });
      await report(shard, 5, unknown);
      await writeBack(shard);
      expect(stored()).toEqual({ positionMs: 5, durationMs: null });
      await report(shard, 4, { durationMs: DURATION_MS }, atMs - 1);
      await writeBack(shard);
      expect(stored()).toEqual({ positionMs: 5, durationMs: DURATION_MS });
    }
  });
});

describe("a duration that comes with a report that loses", () => {
  it("is taken while the job is writing the winner, and is written after it", async () => {
    const { writer, start, report, confirm, writeBack, stored } = history();
    const shard = start();
    await report(shard, 2);
    const collected = atOnce(shard.collect([KEY]));
    await report(shard, 1, { durationMs: DURATION_MS });
    await writer.upsert(collected);
    confirm(shard, collected);
    expect(shard.status().pending).toBe(1);
    await writeBack(shard);
    expect(stored()).toEqual({ positionMs: 2, durationMs: DURATION_MS });
    expect(shard.status().pending).toBe(0);
  });

  it("is found in rows of an earlier release, which wrote down what came and no more", async () => {
    const { sql, start, shown } = history();
    const known = recordOf({ itemId: "film", atMs: 1_000, rev: 1_000, durationMs: DURATION_MS });
    const log = new SqliteShardLog(sql);
    log.append([{ seq: 1, records: [known], users: [] }], 1);
    log.append([{ seq: 2, records: [{ ...known, atMs: 2_000, rev: 2_000, durationMs: 0 }], users: [] }], 1);
    expect(await shown(start())).toMatchObject({ durationMs: DURATION_MS, watchedAt: 2_000 });
  });

  it("survives a restart, though the winner's row is older", async () => {
    const { start, report, shown } = history();
    const shard = start();
    await report(shard, 2);
    await report(shard, 1, { durationMs: DURATION_MS });
    for (let beats = 0; beats < 20; beats += 1)
      await shard.report("bob", [{ kind: "video", itemId: "other", positionMs: beats, event: "playing" }]);
    expect(await shown(start())).toMatchObject({ positionMs: 2, durationMs: DURATION_MS });
  });
});

const step = fc.record({
  action: fc.constantFrom("report", "report", "report", "collect", "write", "confirm", "restart"),
  at: fc.nat(6),
  durationMs: fc.constantFrom(undefined, undefined, 0, DURATION_MS),
});

describe("the duration of an item", () => {
  it("is shown from when anybody has reported it, on every way, and is in the database in the end", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { clock, start, writer, report, confirm, writeBack, shown, stored } = history();
        let shard = start();
        let isKnown = false;
        let collected: readonly HistoryRecord[] = [];
        let written: readonly HistoryRecord[] = [];
        const baseMs = clock.now() - 1_000_000;
        for (const [index, { action, at, durationMs }] of steps.entries()) {
          if (action === "report") {
            isKnown ||= durationMs === DURATION_MS;
            await report(shard, index + 1, durationMs === undefined ? {} : { durationMs }, baseMs + at);
          } else if (action === "collect") collected = atOnce(shard.collect([KEY]));
          else if (action === "write") {
            await writer.upsert(collected);
            written = collected;
          } else if (action === "confirm") confirm(shard, written);
          else shard = start();
          expect((await shown(shard))?.durationMs).toBe(isKnown ? DURATION_MS : undefined);
        }
        const last = await shown(shard);
        await writeBack(shard);
        expect(stored()).toEqual(
          last && { positionMs: last.positionMs, durationMs: last.durationMs ?? null },
        );
      }),
      { numRuns: 300 },
    );
  });
});

it("a duration that is pending is shown, also where the same batch has pushed its item out of the newest before", async () => {
  const { start, report, shown, clock } = history({ entriesPerUserMax: 2 });
  const shard = start();
  await report(shard, 100, { durationMs: DURATION_MS });
  await report(shard, 200, { itemId: "other" });
  await shown(shard);
  const at = clock.now();
  const beat = { kind: "video", event: "playing", at } as const;
  const items = ["a", "b", "c", "film"];
  await shard.report(
    "ada",
    items.map((itemId, index) => ({ ...beat, itemId, positionMs: 300 + index })),
  );
  expect(await shown(shard)).toMatchObject({ positionMs: 303, durationMs: DURATION_MS });
});

it("a duration that comes after its record was set aside is set aside with it, and one that is known stays", async () => {
  const { db, writer } = history();
  const unsure = recordOf({ rev: 7, durationMs: null });
  const kept = () =>
    JSON.parse(
      String(db.statement("SELECT record FROM history_rejected").get()?.["record"]),
    ) as HistoryRecord;
  await writer.reject(unsure, "too large");
  await writer.reject({ ...unsure, durationMs: DURATION_MS }, "too large");
  expect(kept().durationMs).toBe(DURATION_MS);
  await writer.reject(unsure, "too large");
  expect(kept().durationMs).toBe(DURATION_MS);
});

it("a duration that comes while its record is redriven is not removed with it", async () => {
  const { db, writer, clock, stored } = history();
  const rejected = d1Rejected(db, clock.now, { cell: "main", database: 0 });
  const unsure = recordOf({ rev: 7, durationMs: null });
  await writer.reject(unsure, "too large");
  const [row] = await rejected.oldest(1);
  if (row === undefined) throw new Error("nothing was set aside");
  await writer.reject({ ...unsure, durationMs: DURATION_MS }, "too large");
  await rejected.write(row, unsure);
  const [left] = await rejected.oldest(1);
  if (left === undefined) throw new Error("the duration is gone");
  await rejected.write(left, { ...unsure, durationMs: DURATION_MS });
  expect([stored()?.["durationMs"], await rejected.oldest(1)]).toEqual([DURATION_MS, []]);
});
