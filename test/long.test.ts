import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";
import { LONG } from "./support/long-first.ts";

const text = (path: string): string => readFileSync(join(PROJECT_ROOT, path), "utf8");
const { scripts } = JSON.parse(text("package.json")) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const command = scripts["test:long"] ?? "";
const titles = /-t '([^']+)'/.exec(command)?.[1]?.split("|") ?? [];
const files = command.split(" ").filter((word) => word.endsWith(".test.ts"));

describe("npm run test:long", () => {
  it("chooses by parts of titles that are there, and from each file something", () => {
    expect([titles.length > 0, files.length > 0, files.every((file) => existsSync(file))]).toEqual([
      true,
      true,
      true,
    ]);
    // Titles may be given together with what they are tried with: the word stands in the file.
    const chosen = files.map((file) => titles.filter((title) => text(file).includes(title)));
    expect(files.filter((_file, index) => chosen[index]?.length === 0)).toEqual([]);
    expect(titles.filter((title) => !chosen.flat().includes(title))).toEqual([]);
  });

  it("is run by CI, as all that npm test only has in a short form", () => {
    const ci = text(".ci/run");
    for (const script of ["test:long", "test:sessions", "test:sim", "test:sockets"])
      expect(ci).toContain(`npm run ${script}`);
  });
});

it("what npm test begins with is there", () => {
  expect(LONG.filter((path) => !existsSync(join(PROJECT_ROOT, path)))).toEqual([]);
});
