import { globSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import type { WorkerConfig } from "../../../scripts/runtime/worker-configs.ts";
import { RecordedSql, type CountsStatement, type RecordedUnit } from "./recorded-sql.ts";

/** D1 databases by their names. */
export type Databases = ReadonlyMap<string, RecordedSql>;

/** What databases were asked, by their names. */
export type PastOfDatabases = ReadonlyMap<string, readonly RecordedUnit[]>;

/** The databases of all workers: migrated, or as `before` has left them. */
export function openDatabases(
  configs: readonly WorkerConfig[],
  isCounted: CountsStatement,
  before: PastOfDatabases | undefined,
): Databases {
  const databases = new Map<string, RecordedSql>();
  for (const { path, config } of configs) {
    for (const { database_name: name, migrations_dir: folder } of config.d1_databases) {
      if (name === undefined || folder === undefined) continue;
      const known = before?.get(name);
      const migrations = resolve(PROJECT_ROOT, dirname(path), folder);
      databases.set(
        name,
        known === undefined ? migrated(migrations, isCounted) : RecordedSql.after(known, isCounted),
      );
    }
  }
  return databases;
}

function migrated(folder: string, isCounted: CountsStatement): RecordedSql {
  const database = new RecordedSql(isCounted);
  for (const file of globSync("*.sql", { cwd: folder }).sort())
    database.script(readFileSync(resolve(folder, file), "utf8"));
  return database;
}
