import { readdirSync, readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";

type Database = "history" | "identity" | "ledger";

/**
 * What makes a database, one migration after the other, up to the one whose name begins so; all of
 * them if absent.
 */
export function migrationsOf(database: Database, upTo = "9999"): string {
  return migrations(database, (file) => file.slice(0, upTo.length) <= upTo);
}

/** What brings a database that has the migrations up to that one up to date. */
export function migrationsAfter(database: Database, last: string): string {
  return migrations(database, (file) => file.slice(0, last.length) > last);
}

function migrations(database: Database, isWanted: (file: string) => boolean): string {
  const folder = `${PROJECT_ROOT}migrations/${database}`;
  const files = readdirSync(folder).toSorted().filter(isWanted);
  return files.map((file) => readFileSync(`${folder}/${file}`, "utf8")).join("\n");
}
