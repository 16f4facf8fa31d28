import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import {
  itemName,
  knownDuration,
  mergeRecords,
  type HistoryRecord,
} from "../../../src/history/biz/record.ts";
import { d1HistoryReader } from "../../../src/history/data/d1-history-reader.ts";
import { upsertRecords } from "../../../src/history/data/record-upsert.ts";
import { anyRecord, recordOf } from "../../support/databases/history-records.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";

const db = sqliteD1(migrationsOf("history"));

beforeEach(emptied);

function emptied(): void {
  db.sqlite.exec("DELETE FROM history; DELETE FROM history_user");
}

/** What an empty database has of one user when these were written one after the other. */
async function written(...statements: readonly (readonly HistoryRecord[])[]) {
  emptied();
  for (const records of statements) await upsertRecords(db, records).run();
  return d1HistoryReader(() => db).newestOf("ada", 100);
}

const ofAda = anyRecord.map((record): HistoryRecord => ({ ...record, userId: "ada" }));
const stored = (record: HistoryRecord): HistoryRecord => ({ ...record, durationMs: knownDuration(record) });
const byName = (a: HistoryRecord, b: HistoryRecord): number => itemName(a).localeCompare(itemName(b));

describe("a record in the database", () => {
  it("has every field as it was, but for a duration of 0, which is unknown", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(ofAda, { selector: itemName, maxLength: 20 }), async (records) => {
        const read = await written(records);
        expect(read.toSorted(byName)).toEqual(records.map(stored).toSorted(byName));
      }),
    );
  });

  it("is in each field what stands of two of one item, whichever comes first", async () => {
    const two = fc
      .tuple(ofAda, ofAda, fc.nat(3), fc.nat(3))
      .filter(([a, b]) => a.rev !== b.rev)
      .map(([a, b, atA, atB]): readonly [HistoryRecord, HistoryRecord] => [
        { ...a, atMs: atA },
        { ...b, atMs: atB, kind: a.kind, itemId: a.itemId },
      ]);
    await fc.assert(
      fc.asyncProperty(two, async ([a, b]) => {
        const standing = [stored(mergeRecords(a, b))];
        expect(await written([a], [b])).toEqual(standing);
        expect(await written([b], [a])).toEqual(standing);
        expect(await written([a, b])).toEqual(standing);
      }),
    );
  });

  it("is no tombstone any more when a job of the release before has written a newer report over it", async () => {
    await upsertRecords(db, [recordOf({ rev: 5, deleted: true, watched: true })]).run();
    db.sqlite.exec("UPDATE history SET position_ms = 7, rev = 6");
    const [record] = await d1HistoryReader(() => db).newestOf("ada", 10);
    expect(record).toMatchObject({ positionMs: 7, rev: 6, deleted: false });
  });

  it.each([
    { watched: true, dismissed: true },
    { watched: false, dismissed: false },
  ])("is marked by hand no more when one has written a newer report over it: %o", async (marks) => {
    await upsertRecords(db, [recordOf({ rev: 5, ...marks })]).run();
    const read = async () => (await d1HistoryReader(() => db).newestOf("ada", 10))[0];
    expect(await read()).toMatchObject(marks);
    db.sqlite.exec("UPDATE history SET position_ms = 7, rev = 6");
    expect(await read()).toMatchObject({ rev: 6, watched: null, dismissed: false });
  });

  it("is read as a plain report where a job of the release before has made its row", async () => {
    db.sqlite.exec(`INSERT INTO history (user_id, kind, item_id, position_ms, event, at, rev)
      VALUES ('ada', 'video', 'm1', 1000, 'playing', 1700000000000, 1740800000000000)`);
    expect(await d1HistoryReader(() => db).newestOf("ada", 10)).toEqual([recordOf()]);
  });
});

describe("items of a user", () => {
  it("are found by their keys, tombstones too, and nobody else's", async () => {
    const items = ["a", "b", "c"].map((itemId) => recordOf({ itemId, deleted: itemId === "b" }));
    await upsertRecords(db, [...items, recordOf({ userId: "bob", itemId: "z" })]).run();
    const found = await d1HistoryReader(() => db).find("ada", [
      { kind: "video", itemId: "a" },
      { kind: "video", itemId: "b" },
      { kind: "music", itemId: "c" },
      { kind: "video", itemId: "z" },
    ]);
    expect(found.toSorted(byName)).toEqual(items.slice(0, 2));
    expect(await d1HistoryReader(() => db).find("ada", [])).toEqual([]);
  });
});
