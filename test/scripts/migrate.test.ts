import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { databasesOf, outstandingMigrations, recordMigrations } from "../../scripts/runtime/migrate.ts";
import { readWorkerConfigs } from "../../scripts/runtime/worker-configs.ts";

const databases = databasesOf(readWorkerConfigs());
let state = "";
const file = (): string => join(state, "v3", "d1", "objects", "a.sqlite");

/** As a start leaves it. */
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "playhead-migrate-"));
  mkdirSync(join(state, "v3", "d1", "objects"), { recursive: true });
  writeFileSync(file(), "");
  recordMigrations(databases, state);
});

afterEach(() => rmSync(state, { recursive: true, force: true }));

describe("databases that are migrated", () => {
  it("are those that the platform opens", () => {
    const opened = readWorkerConfigs().flatMap(({ config }) =>
      Object.values(unstable_getMiniflareWorkerOptions(config).workerOptions.d1Databases ?? {}),
    );
    expect(databases.map(({ localId }) => ({ id: localId }))).toEqual(opened);
  });
});

describe("migrations are applied again", () => {
  it("not where all is as it was left", () => {
    expect(outstandingMigrations(databases, state)).toEqual([]);
  });

  it("of the database alone whose migrations have changed", () => {
    const changed = databases.map((database, index) =>
      index === 0 ? { ...database, migrationsDir: state } : database,
    );
    expect(outstandingMigrations(changed, state)).toEqual([changed[0]]);
  });

  it.each([
    ["the databases have gone", () => rmSync(join(state, "v3"), { recursive: true })],
    ["one of them has gone", () => rmSync(file())],
    ["the note is empty", () => writeFileSync(join(state, "migrated.json"), "")],
    ["the note is half", () => writeFileSync(join(state, "migrated.json"), '{"fingerprints":{')],
    [
      "the note is another release's",
      () => writeFileSync(join(state, "migrated.json"), '{"playhead-identity":"abc"}'),
    ],
  ])("where %s", (_what, damage) => {
    damage();
    expect(outstandingMigrations(databases, state)).toEqual(databases);
  });
});
