import { readdirSync, readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";

const FOLDER = `${PROJECT_ROOT}migrations/ledger`;

function migrations(isWanted: (file: string) => boolean): string {
  const files = readdirSync(FOLDER).toSorted().filter(isWanted);
  return files.map((file) => readFileSync(`${FOLDER}/${file}`, "utf8")).join("\n");
}

/**
 * What makes a ledger's database, one migration after the other, up to the one whose name begins
 * so; all of them if absent.
 */
export function ledgerMigrations(upTo = "9999"): string {
  return migrations((file) => file.slice(0, upTo.length) <= upTo);
}

/** What brings a database that has the migrations up to that one up to date. */
export function ledgerMigrationsAfter(last: string): string {
  return migrations((file) => file.slice(0, last.length) > last);
}
