import { readdirSync, readFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { sqliteD1, type SqliteD1 } from "./sqlite-d1.ts";

const FOLDER = `${PROJECT_ROOT}migrations/identity`;

/** Identity's database in Node. */
export function identityD1(): SqliteD1 {
  const files = readdirSync(FOLDER).toSorted();
  return sqliteD1(files.map((file) => readFileSync(`${FOLDER}/${file}`, "utf8")).join("\n"));
}
