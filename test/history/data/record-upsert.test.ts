import { readFileSync, readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import {
  itemName,
  knownDuration,
  mergeRecords,
  type HistoryRecord,
} from "../../../src/history/biz/record.ts";
import { d1HistoryReader } from "../../../src/history/data/d1-history-reader.ts";
import { upsertRecords } from "../../../src/history/data/record-upsert.ts";
import { anyRecord } from "../../support/databases/history-records.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";

const folder = `${PROJECT_ROOT}migrations/history`;
const MIGRATIONS = readdirSync(folder)
  .toSorted()
  .map((name) => readFileSync(`${folder}/${name}`, "utf8"))
  .join("\n");

/** What a new database has of one user when these were written one after the other. */
async function written(...statements: readonly (readonly HistoryRecord[])[]) {
  const db = sqliteD1(MIGRATIONS);
  for (const records of statements) await upsertRecords(db, records).run();
  return d1HistoryReader([db], () => 0).newestOf("ada", 100);
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
});
