import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";

const COLUMNS_MAX = 100;
const NOT_OURS = ["node_modules/**", ".wrangler/**", "**/.wrangler/**", "**/env.d.ts", "dist/**"];
/** What a line may be broken between: words, where a code span, a link or a tag counts as one. */
const WORD = /(?:`[^`]*`|\{@\w+[^}]*\}|\[[^\]]*\]\([^)]*\)|\S)+/g;

it(`comments and documents are wrapped at ${COLUMNS_MAX} columns, where they can be broken at all`, () => {
  const files = (pattern: string): string[] => globSync(pattern, { cwd: PROJECT_ROOT, exclude: NOT_OURS });
  const code = [
    ...files("{src,test,testbed,scripts,bench,bridge,clients,examples}/**/*.{ts,js}"),
    ...files("*.ts"),
  ];
  const documents = [...files("*.md"), ...files("{docs,src,test,testbed,bridge,clients,examples}/**/*.md")];
  expect(code.length).toBeGreaterThan(500);
  expect(documents.length).toBeGreaterThan(20);
  // Migrations that have been applied stay as they are.
  const configs = [...files("*.toml"), ...files("src/**/*.toml"), ".ci/run", ".npmrc"];
  expect(configs.length).toBeGreaterThan(8);
  const tooLong = [
    ...configs.flatMap((file) => longLinesOf(file, hashLines)),
    ...code.flatMap((file) => longLinesOf(file, commentLines)),
    ...documents.flatMap((file) => longLinesOf(file, proseLines)),
  ];
  expect(tooLong).toEqual([]);
});

type NumberedLine = readonly [number: number, line: string];

function longLinesOf(file: string, select: (lines: readonly NumberedLine[]) => NumberedLine[]): string[] {
  const lines = readFileSync(`${PROJECT_ROOT}${file}`, "utf8").split("\n");
  return select(lines.map((line, index) => [index + 1, line] as const))
    .filter(([, line]) => line.length > COLUMNS_MAX && isBreakable(line))
    .map(([number]) => `${file}:${number}`);
}

function isBreakable(line: string): boolean {
  const words = line.replace(/^\s*(?:\/\/|\/?\*+|[-*]|\d+\.)\s+/, "").match(WORD) ?? [];
  return words.length > 1;
}

function commentLines(lines: readonly NumberedLine[]): NumberedLine[] {
  return lines.filter(([, line]) => /^\s*(?:\/\/|\/\*|\*\s)/.test(line));
}

function hashLines(lines: readonly NumberedLine[]): NumberedLine[] {
  return lines.filter(([, line]) => /^\s*# /.test(line));
}

/** Neither tables nor headings nor what stands between fences. */
function proseLines(lines: readonly NumberedLine[]): NumberedLine[] {
  let isFenced = false;
  return lines.filter(([, line]) => {
    if (/^\s*```/.test(line)) isFenced = !isFenced;
    return !isFenced && !/^\s*(?:```|\||#|<)/.test(line);
  });
}
