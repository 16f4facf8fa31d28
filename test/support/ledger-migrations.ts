import { readdirSync, readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";

const FOLDER = `${PROJECT_ROOT}migrations/ledger/`;

/** Every migration of a ledger's database as one script, in their order. */
export const LEDGER_MIGRATIONS = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".sql"))
  .sort()
  .map((file) => readFileSync(`${FOLDER}${file}`, "utf8"))
  .join("\n");
