import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyLocally } from "../../scripts/runtime/local-migrations.ts";
import { descendantsOf } from "../../scripts/runtime/process-table.ts";
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
const films = { databaseName: "films", localId: "FILMS_DB" };
const apply = (): Promise<void> => applyLocally([{ ...films, migrationsDir }], state);
const names = (): unknown[] => asked("SELECT name FROM d1_migrations ORDER BY id").map((row) => row["name"]);
/** Runtimes of this process. */
const runtimes = (): number[] =>
  descendantsOf(process.pid).flatMap(({ pid, command }) => (command.includes("workerd serve") ? [pid] : []));

/** What the one database of the state folder answers. */
function asked(sql: string): Record<string, unknown>[] {
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
      expect(names()).toEqual(["0001_film.sql", "0002_year.sql"]);
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
      const signal = AbortSignal.abort(reason);
      await expect(applyLocally([{ ...films, migrationsDir }], state, { signal })).rejects.toBe(reason);
      expect(names()).toEqual([]);
    },
    START_TIMEOUT_MS,
  );

  it(
    "are noted with what they do, or neither is there",
    async () => {
      migration("0001_film.sql", "CREATE TABLE film (title TEXT); DROP TABLE d1_migrations;");
      await expect(apply()).rejects.toThrow(/no such table: d1_migrations/);
      expect(asked("SELECT name FROM sqlite_schema WHERE name = 'film'")).toEqual([]);
    },
    START_TIMEOUT_MS,
  );

  it(
    "are wrangler's in their order and in what is one",
    async () => {
      migration("10_year.sql", "ALTER TABLE film ADD COLUMN year INTEGER;");
      migration("2_film.sql", "CREATE TABLE film (title TEXT);");
      migration("last.sql", "INSERT INTO film VALUES ('Alien', 1979);");
      migration("11_nobody's.sql", "-- reserved\n");
      migration(".12_hidden.sql", "no SQL");
      mkdirSync(join(migrationsDir, "13_folder.sql"));
      await apply();
      expect(names()).toEqual(["2_film.sql", "10_year.sql", "11_nobody's.sql", "last.sql"]);
    },
    START_TIMEOUT_MS,
  );

  it(
    "are refused where a deploy would refuse them",
    async () => {
      migration("0001_film.sql", "CREATE TABLE film (title TEXT)");
      await expect(apply()).rejects.toThrow(/syntax error/);
      const nowhere = { ...films, migrationsDir: join(state, "nowhere") };
      await expect(applyLocally([nowhere], state)).rejects.toThrow(
        /^the migrations of films failed: .*ENOENT/,
      );
    },
    START_TIMEOUT_MS,
  );

  it(
    "bring up each of several databases, and leave no runtime behind",
    async () => {
      migration("0001_film.sql", "CREATE TABLE film (title TEXT);");
      const before = runtimes();
      const started: number[] = [];
      const databases = ["A", "B"].map((localId) => ({ databaseName: localId, localId, migrationsDir }));
      await applyLocally(databases, state, {
        onStarted: () => started.push(...runtimes().filter((pid) => !before.includes(pid))),
      });
      expect(started).toHaveLength(1);
      expect(runtimes()).toEqual(before);
      const files = globSync("v3/d1/*/*.sqlite", { cwd: state }).filter((name) => !name.includes("metadata"));
      expect(files).toHaveLength(2);
      for (const file of files) {
        const database = new DatabaseSync(join(state, file));
        expect(database.prepare("SELECT count(*) AS n FROM film").get()).toEqual({ n: 0 });
        database.close();
      }
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
