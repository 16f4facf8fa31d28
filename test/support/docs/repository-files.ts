import { readdirSync, readFileSync, statSync } from "node:fs";
import { posix } from "node:path";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";

/** Files and folders by their paths from the project's root, and what each file says. */
export interface RepositoryFiles {
  readonly files: readonly string[];
  /** Names in .gitignore: what is made when something runs, and so is in no listing. */
  readonly madeAtRunTime: readonly string[];
  read(path: string): string;
}

/** Everything that is kept in the repository. */
export function repositoryFiles(): RepositoryFiles {
  const read = (path: string): string => readFileSync(PROJECT_ROOT + path, "utf8");
  const ignored = read(".gitignore")
    .split("\n")
    .map((line) => line.replace(/[/*]+$/, ""))
    .filter((name) => name !== "" && !name.startsWith("*"));
  const isKept = (name: string): boolean =>
    name !== ".git" && !ignored.some((start) => name === start || name.startsWith(`${start}-`));
  const files: string[] = [];
  const visit = (folder: string): void => {
    for (const name of readdirSync(PROJECT_ROOT + folder).toSorted()) {
      if (!isKept(name)) continue;
      const path = posix.join(folder, name);
      if (statSync(PROJECT_ROOT + path).isDirectory()) visit(path);
      else files.push(path);
    }
  };
  visit("");
  return { files, madeAtRunTime: ignored, read };
}
