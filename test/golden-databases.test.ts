import { describe, expect, it } from "vitest";
import { readGoldenRecords, type GoldenDatabase } from "./fixtures/golden/golden-records.ts";
import { migrationsAfter, migrationsOf } from "./support/databases/migrations.ts";
import { sqliteD1 } from "./support/databases/sqlite-d1.ts";

/** The folder of a database's migrations, and the last one that the release before had. */
const LAST: Readonly<Record<string, readonly [folder: string, last: string]>> = {
  HISTORY_DB_0: ["history", "0002"],
  HISTORY_DB_1: ["history", "0002"],
  IDENTITY_DB: ["identity", "0004"],
  LEDGER_DB: ["ledger", "0007"],
};

const databases = readGoldenRecords().filter((record) => record.kind === "database");
const NAMES =
  "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' ORDER BY rowid";

type Sqlite = ReturnType<typeof sqliteD1>["sqlite"];

function lastOf({ binding }: GoldenDatabase): readonly [folder: string, last: string] {
  const found = LAST[binding];
  if (found === undefined) throw new Error(`nobody has said which migrations ${binding} had`);
  return found;
}

/** Puts the rows in as they are; triggers, which have done their part, are made afterwards. */
function fill(sqlite: Sqlite, { rows }: GoldenDatabase): void {
  sqlite.exec("PRAGMA foreign_keys = OFF");
  for (const [table, ofTable] of Object.entries(rows)) {
    for (const row of ofTable) {
      const columns = Object.keys(row);
      const places = columns.map(() => "?").join(", ");
      sqlite
        .prepare(`INSERT OR REPLACE INTO "${table}" (${columns.join(", ")}) VALUES (${places})`)
        .run(...Object.values(row).map(asStored));
    }
  }
}

function asStored(value: unknown): string | number | null | Uint8Array {
  return Array.isArray(value) ? Uint8Array.from(value as number[]) : (value as string | number | null);
}

/** Rows of the release before that are not there, or not as they were. */
function missing(sqlite: Sqlite, { rows }: GoldenDatabase): readonly string[] {
  return Object.entries(rows).flatMap(([table, ofTable]) =>
    ofTable.flatMap((row) => {
      const where = Object.keys(row).map((column) => `"${column}" IS ?`);
      const found = sqlite
        .prepare(`SELECT 1 FROM "${table}" WHERE ${where.join(" AND ")}`)
        .get(...Object.values(row).map(asStored));
      return found === undefined ? [`${table} ${JSON.stringify(row)}`] : [];
    }),
  );
}

function withoutTriggers(sqlite: Sqlite): void {
  const triggers = sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all();
  for (const { name } of triggers) sqlite.exec(`DROP TRIGGER "${String(name)}"`);
}

/** Of these nothing was there when the rows were taken: about them these tests say nothing. */
const WITHOUT_ROWS = [
  "cell",
  "dead_letter",
  "failure_count",
  "history_rejected",
  "outbox",
  "reconciliation_open",
  "refresh_token",
  "unreadable_message",
];

it("the databases of the release before are all here, with rows in all tables but those that are named", () => {
  const bindings = databases.map(({ binding }) => binding);
  expect([...new Set(bindings)].toSorted()).toEqual(Object.keys(LAST).toSorted());
  const tables = databases.flatMap(({ rows }) => Object.entries(rows));
  const filled = new Set(tables.filter(([, rows]) => rows.length > 0).map(([table]) => table));
  const empty = new Set(tables.map(([table]) => table).filter((table) => !filled.has(table)));
  expect([...empty].toSorted()).toEqual(WITHOUT_ROWS);
});

describe.each(databases)("$worker's $binding of the release before", (before) => {
  const [folder, last] = lastOf(before);

  it("was made by migrations that nobody has changed since", () => {
    const { sqlite } = sqliteD1(migrationsOf(folder, last));
    const made = sqlite.prepare(NAMES).all();
    expect(made.map(({ sql }) => sql)).toEqual(before.schema);
  });

  it("keeps every row as it was when it is brought up to date", () => {
    const isTable = (statement: string): boolean => statement.startsWith("CREATE TABLE");
    const { sqlite } = sqliteD1(before.schema.filter(isTable).join(";\n"));
    fill(sqlite, before);
    for (const statement of before.schema.filter((one) => !isTable(one))) sqlite.exec(statement);
    expect(missing(sqlite, before)).toEqual([]);
    sqlite.exec(migrationsAfter(folder, last));
    expect(missing(sqlite, before)).toEqual([]);
  });

  it("takes that release's rows also when it is up to date: both write for a while", () => {
    const { sqlite } = sqliteD1(migrationsOf(folder));
    withoutTriggers(sqlite);
    fill(sqlite, before);
    expect(missing(sqlite, before)).toEqual([]);
  });
});
