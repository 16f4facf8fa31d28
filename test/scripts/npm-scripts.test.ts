import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";

/*
 * A suite that names its files, a project and tests finds nothing as soon as those move or are
 * renamed, and nobody sees it before its hour has come, nor then.
 */

const VITEST = join("node_modules", "vitest", "vitest.mjs");
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
  scripts: Record<string, string>;
};
const suites = Object.entries(scripts)
  .map(([name, line]) => ({
    name,
    words: wordsAfterVitest(line),
    testNames: testNamesOf(line),
    settings: settingsOf(line),
  }))
  .filter(({ words }) => filesIn(words).length > 0);

describe("a suite's script", () => {
  it("names its files in some", () => {
    expect(suites.map(({ name }) => name)).toContain("test:sessions");
  });

  it("names its tests in some", () => {
    expect(suites.filter(({ testNames }) => testNames.length > 0).map(({ name }) => name)).toEqual([
      "test:long",
    ]);
  });

  it("sets nothing that no test asks for", () => {
    const sources = globSync("test/**/*.ts").map((file) => readFileSync(file, "utf8"));
    const names = suites.flatMap(({ settings }) => Object.keys(settings));
    expect(names).toContain("OLD_RELEASES");
    const asked = (name: string): boolean =>
      sources.some((source) => source.includes(`process.env["${name}"]`));
    expect(names.filter((name) => !asked(name))).toEqual([]);
  });

  it.each(suites)(
    "$name finds every file it names, and every test in some of them",
    ({ words, testNames, settings }) => {
      const selection = words.filter((word) => word === "--project" || !word.startsWith("-"));
      const byName = testNames.length > 0 ? ["-t", testNames.join("|")] : [];
      // At the end: a file that stood after `--json` would be written over.
      const listed = JSON.parse(
        execFileSync(process.execPath, [VITEST, "list", ...byName, ...selection, "--json"], {
          encoding: "utf8",
          env: { ...process.env, ...settings },
        }),
      ) as readonly { readonly name: string; readonly file: string }[];
      for (const file of filesIn(words))
        expect(listed.map((test) => relative(".", test.file))).toContain(file);
      for (const testName of testNames)
        expect(listed.map(({ name }) => name)).toContainEqual(expect.stringContaining(testName));
    },
  );
});

/** What a script gives to Vitest, without the names of tests; none where it runs something else. */
function wordsAfterVitest(line: string): readonly string[] {
  const after = line.split("vitest run ")[1]?.replace(/-t '[^']*'/, "") ?? "";
  return after
    .split(/\s+/)
    .filter((word) => word !== "")
    .map((word) => word.replaceAll("'", ""));
}

/** What a script asks the names of tests for, one of which each must have. */
function testNamesOf(line: string): readonly string[] {
  const [, pattern] = /-t '([^']*)'/.exec(line) ?? [];
  return pattern?.split("|") ?? [];
}

/** Variables of the environment that a script sets. */
function settingsOf(line: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Array.from(line.matchAll(/\b([A-Z][A-Z_]*)=(\S*)/g), ([, name = "", value = ""]) => [name, value]),
  );
}

function filesIn(words: readonly string[]): readonly string[] {
  return words.filter((word) => word.endsWith(".test.ts"));
}
