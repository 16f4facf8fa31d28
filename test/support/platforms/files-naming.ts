import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The history's files in the state folder of a platform that does not run, by what they are. */
export interface HistoryFiles {
  readonly databases: readonly string[];
  readonly shards: readonly string[];
}

export function historyFilesIn(state: string): HistoryFiles {
  const isHistory = (path: string): boolean => {
    const database = new DatabaseSync(join(state, path));
    const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'history'").get();
    database.close();
    return table !== undefined;
  };
  return {
    databases: globSync("v3/d1/**/*.sqlite", { cwd: state }).filter(isHistory).toSorted(),
    shards: globSync("v3/do/**/*HistoryShard*/*.sqlite", { cwd: state }).toSorted(),
  };
}

/** Those of the files that hold a text anywhere, their journals included. */
export function filesNaming(state: string, files: readonly string[], text: string): readonly string[] {
  return files.filter((path) =>
    globSync(`${path}*`, { cwd: state }).some((part) => readFileSync(join(state, part)).includes(text)),
  );
}
