import { readdirSync, readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";

const FOLDER = `${PROJECT_ROOT}migrations/ledger`;

/** What makes a ledger's database, one migration after the other, up to the one whose name begins so; all of them if absent. */
export function ledgerMigrations(upTo = "9999"): string {
  const files = readdirSync(FOLDER).toSorted();
  return files
    .filter((file) => file.slice(0, upTo.length) <= upTo)
    .map((file) => readFileSync(`${FOLDER}/${file}`, "utf8"))
    .join("\n");
}
