import { readdirSync, readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";

/** The folders of `migrations/`. */
export const DATABASES: readonly string[] = readdirSync(`${PROJECT_ROOT}migrations`).toSorted();

/**
 * What makes a database, one migration after the other, up to the one whose name begins so; all of
 * them if absent.
 */
export function migrationsOf(database: string, upTo = "9999"): string {
  return migrations(database, (file) => file.slice(0, upTo.length) <= upTo);
}

/** What brings a database that has the migrations up to that one up to date. */
export function migrationsAfter(database: string, last: string): string {
  return migrations(database, (file) => file.slice(0, last.length) > last);
}

function migrations(database: string, isWanted: (file: string) => boolean): string {
  const folder = `${PROJECT_ROOT}migrations/${database}`;
  const files = readdirSync(folder).toSorted().filter(isWanted);
  return files.map((file) => readFileSync(`${folder}/${file}`, "utf8")).join("\n");
}
