import { readFileSync, writeFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { withTable } from "../../testbed/cost/bill-table.ts";

/** Puts tables where a document quotes them, each in the place of the one with the same head. */
export function quote(path: string, tables: Readonly<Record<string, string>>): void {
  let text = readFileSync(PROJECT_ROOT + path, "utf8");
  for (const [head, table] of Object.entries(tables)) text = withTable(text, head, table);
  writeFileSync(PROJECT_ROOT + path, text);
}
