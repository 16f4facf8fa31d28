import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyLocally } from "../../scripts/runtime/local-migrations.ts";
import { databasesOf, wranglerEnvironment } from "../../scripts/runtime/migrate.ts";
import { runCommand } from "../../scripts/tooling/run-command.ts";
import { readWorkerConfigs } from "../../scripts/runtime/worker-configs.ts";

const START_TIMEOUT_MS = 60_000;
let state = "";
let migrationsDir = "";

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "playhead-local-migrations-"));
  migrationsDir = join(state, "migrations");
  mkdirSync(migrationsDir);
});

afterEach(() => rmSync(state, { recursive: true, force: true }));

const migration = (name: string, sql: string): void => writeFileSync(join(migrationsDir, name), sql);
const apply = (): Promise<void> =>
  applyLocally([{ databaseName: "films", localId: "FILMS_DB", migrationsDir }], state);

/** What the one database of the state folder answers. */
function asked(sql: string): unknown[] {
  const [file] = globSync("v3/d1/*/*.sqlite", { cwd: state }).filter((name) => !name.includes("metadata"));
  const database = new DatabaseSync(join(state, file ?? ""));
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
}

describe("local migrations", () => {
  it(
    "are applied once, by name, and new ones beside what is there",
    async () => {
      migration("0001_film.sql", "CREATE TABLE film (title TEXT); INSERT INTO film VALUES ('Alien');");
      await apply();
      migration("0002_year.sql", "ALTER TABLE film ADD COLUMN year INTEGER;\nUPDATE film SET year = 1979;");
      await apply();
      expect(asked("SELECT * FROM film")).toEqual([{ title: "Alien", year: 1979 }]);
      expect(asked("SELECT name FROM d1_migrations ORDER BY id")).toEqual([
        { name: "0001_film.sql" },
        { name: "0002_year.sql" },
      ]);
    },
    START_TIMEOUT_MS,
  );

  it(
    "keep a trigger's statements together",
    async () => {
      migration(
        "0001_film.sql",
        `CREATE TABLE film (title TEXT); CREATE TABLE gone (title TEXT);
         CREATE TRIGGER keep AFTER DELETE ON film BEGIN
           INSERT INTO gone VALUES (OLD.title);
           INSERT INTO gone VALUES ('and one; more');
         END;
         INSERT INTO film VALUES ('Alien'); DELETE FROM film;`,
      );
      await apply();
      expect(asked("SELECT * FROM gone")).toEqual([{ title: "Alien" }, { title: "and one; more" }]);
    },
    START_TIMEOUT_MS,
  );

  it(
    "leave nothing of one that fails, and say whose it is",
    async () => {
      migration("0001_film.sql", "CREATE TABLE film (title TEXT);");
      migration("0002_broken.sql", "INSERT INTO film VALUES ('Alien'); INSERT INTO filn VALUES ('Aliens');");
      await expect(apply()).rejects.toThrow(/^the migrations of films failed: .*no such table: filn/);
      expect(asked("SELECT * FROM film")).toEqual([]);
      migration("0002_broken.sql", "INSERT INTO film VALUES ('Alien');");
      await apply();
      expect(asked("SELECT * FROM film")).toEqual([{ title: "Alien" }]);
    },
    START_TIMEOUT_MS,
  );

  it(
    "stop where the start is given up",
    async () => {
      migration("0001_film.sql", "CREATE TABLE film (title TEXT);");
      const reason = new Error("given up");
      const databases = [{ databaseName: "films", localId: "FILMS_DB", migrationsDir }];
      await expect(applyLocally(databases, state, AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(asked("SELECT name FROM d1_migrations")).toEqual([]);
    },
    START_TIMEOUT_MS,
  );

  it(
    "leave wrangler nothing to do",
    async () => {
      const [database] = databasesOf(readWorkerConfigs());
      if (database === undefined) throw new Error("no worker has a database");
      await applyLocally([database], state);
      const { databaseName, configPath } = database;
      const args = [
        "d1",
        "migrations",
        "list",
        databaseName,
        "--local",
        "--persist-to",
        state,
        "-c",
        configPath,
      ];
      const env = { ...wranglerEnvironment(state), WRANGLER_LOG: "log" };
      const { output } = await runCommand("wrangler", args, { env });
      expect(output).toContain("No migrations to apply");
    },
    START_TIMEOUT_MS,
  );
});
