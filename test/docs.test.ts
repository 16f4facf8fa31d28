import { describe, expect, it } from "vitest";
import { ERROR_CATALOGUE } from "../src/contracts/errors.ts";
import { limitPolicies } from "../src/gateway/limit-policies.ts";
import { OWN_PATHS } from "../src/gateway/own-routes.ts";
import { ROUTES } from "../src/gateway/routes.ts";
import { EXTERNAL_NAMES } from "./support/docs/external-names.ts";
import { KnownNames } from "./support/docs/known-names.ts";
import { mentionsOf } from "./support/docs/mentions-of.ts";
import { DATABASES, migrationsOf } from "./support/databases/migrations.ts";
import { sqliteD1 } from "./support/databases/sqlite-d1.ts";
import { repositoryFiles } from "./support/docs/repository-files.ts";
import { commentsAndCode, documentBlocks, type Block } from "./support/docs/texts.ts";

/*
 * What a document or a comment names is there: files, folders, headings, npm scripts, routes, and
 * in code font functions, vars and all other names. What is only promised says "(planned)", what is
 * told of the past "(gone)": in its paragraph, its row of a table, its comment, or its heading.
 */

const repository = repositoryFiles();
const known = new KnownNames({ repository, routes: ROUTES, external: EXTERNAL_NAMES });
const documents = repository.files.filter((file) => file.endsWith(".md"));
const sources = repository.files.filter(
  (file) => /\.(?:ts|js|sql|toml)$/.test(file) && !file.endsWith(".d.ts"),
);

const blocksOf = (file: string): readonly Block[] =>
  file.endsWith(".md")
    ? documentBlocks(repository.read(file))
    : commentsAndCode(file, repository.read(file)).comments;

function unknownIn(file: string, blocks: readonly Block[]): string[] {
  return blocks
    .filter(({ isMarked }) => !isMarked)
    .flatMap(({ line, text }) =>
      mentionsOf(text)
        .filter((mention) => !known.has(mention, file))
        .map(({ kind, name }) => `${file}:${line} names the ${kind} ${name}`),
    );
}

describe("what is named is there", () => {
  it("by documents", () => {
    expect(documents.length).toBeGreaterThan(20);
    expect(documents.flatMap((file) => unknownIn(file, blocksOf(file)))).toEqual([]);
  });

  it("by comments", () => {
    expect(sources.length).toBeGreaterThan(500);
    expect(sources.flatMap((file) => unknownIn(file, blocksOf(file)))).toEqual([]);
  });

  it("or is on the list of what is not ours, which has no more on it than is named", () => {
    const needed = new Set<string>();
    for (const file of [...documents, ...sources])
      for (const mention of blocksOf(file).flatMap(({ text }) => mentionsOf(text)))
        if (EXTERNAL_NAMES.has(mention.name) && !known.isOurs(mention, file)) needed.add(mention.name);
    expect([...EXTERNAL_NAMES].filter((name) => !needed.has(name))).toEqual([]);
  });
});

describe("a name that is not there is told", () => {
  it.each([
    ["the file", "Read `src/history/biz/no-such-rule.ts`."],
    ["the file", "Read biz/no-such-rule.ts."],
    ["the file", "Read [it](no-such-page.md)."],
    ["the file", "Decided in docs/decisions/9999."],
    ["the file", "Held by `test/no-such-room/*`."],
    ["the heading", "See [there](docs/vars.md#no-such-heading)."],
    ["the script", "```sh\nnpm run no-such-script\n```"],
    ["the script", "Run `npm run bench -- nosuchbench`."],
    ["the route", "Ask `GET /v1/no-such-route`."],
    ["the route", "Ask `DELETE /v1/wallet`."],
    ["the call", 'It is wrapped by `noSuchFunction("what", call)`.'],
    ["the member", "`Guard.noSuchMethod` makes the call."],
    ["the word", "The var `NO_SUCH_VAR` says so."],
    ["the word", "{@link NoSuchClass} says so."],
    ["the word", "The field `noSuchField` says so."],
    ["the word", "It is in `no-such-header`."],
  ])("%s: %s", (kind, markdown) => {
    expect(unknownIn("README.md", documentBlocks(markdown))).toContainEqual(expect.stringContaining(kind));
  });

  it("in a comment too, each kind of it", () => {
    const source =
      "/** See `noSuchOne`. */\nconst one = 1; // and no-such-file.ts\n/*\n * `NO_SUCH_TWO`\n */\n";
    expect(unknownIn("src/x.ts", commentsAndCode("src/x.ts", source).comments)).toEqual([
      "src/x.ts:1 names the word noSuchOne",
      "src/x.ts:2 names the file no-such-file.ts",
      "src/x.ts:3 names the word NO_SUCH_TWO",
    ]);
    const sql = "-- See `no_such_table`.\nSELECT 1;\n";
    expect(unknownIn("x.sql", commentsAndCode("x.sql", sql).comments)).toHaveLength(1);
  });

  it.each([
    ["a paragraph that says so", "`NO_SUCH_VAR` is\nto come (planned)."],
    ["a row that says so", "| `noSuchOne` | (gone) |"],
    ["what lies under such a heading", "## Later (planned)\n\n### Soon\n\n`noSuchOne`"],
    ["a release of the past", "# Changelog\n\n## 0.1.0\n\n- `noSuchOne`"],
    ["what a terminal shows", "```\nnoSuchOne() /no/such/file.ts\n```"],
  ])("but not in %s", (_what, markdown) => {
    expect(unknownIn("CHANGELOG.md", documentBlocks(markdown))).toEqual([]);
  });

  it.each([
    ["in the paragraph before", "Later (planned).\n\n`noSuchOne`"],
    ["in the row above", "| (planned) |\n| `noSuchOne` |"],
    ["under the heading before", "## Later (planned)\n\n## Now\n\n`noSuchOne`"],
    ["in a release that is not out", "## 0.2.0 (unreleased)\n\n- `noSuchOne`"],
  ])("though the mark stands %s", (_where, markdown) => {
    expect(unknownIn("CHANGELOG.md", documentBlocks(markdown))).toHaveLength(1);
  });
});

describe("docs/api.md", () => {
  const blocks = documentBlocks(repository.read("docs/api.md"));
  const rows = blocks.flatMap(({ text, isMarked }) => {
    const [, method, path] = /^\| `(GET|POST|PUT|DELETE) (\/[^\s`]*)` \|/.exec(text) ?? [];
    return path === undefined ? [] : [{ route: `${method} ${path}`, isMarked }];
  });
  const own = OWN_PATHS.map((path) => `GET ${path}`);
  const served = [
    ...own,
    ...ROUTES.flatMap(({ methods, path }) =>
      methods.map((method) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`),
    ),
  ];

  it("has a row for every route that is served, and marks those that are not", () => {
    const told = rows.filter(({ isMarked }) => !isMarked).map(({ route }) => route);
    const elsewhere = served.filter((route) => !told.includes(route) && isInText(blocks, route));
    expect([...told, ...elsewhere].toSorted()).toEqual(served.toSorted());
    expect(rows.filter(({ route, isMarked }) => isMarked && served.includes(route))).toEqual([]);
  });

  it("has each limit of a client", () => {
    const told = blocks.flatMap(({ text }) => {
      const [, name, limit] = /^\| `([a-z]+)` \| (\d+) a minute \|/.exec(text) ?? [];
      return name === undefined ? [] : [`${name} ${limit} in 60000 ms`];
    });
    const policies = Object.values(limitPolicies({}));
    const kept = policies.map(({ name, limit, windowMs }) => `${name} ${limit} in ${windowMs} ms`);
    expect(told.toSorted()).toEqual([...new Set(kept)].toSorted());
  });

  it("marks nothing as planned that is there", () => {
    const names = blocks.flatMap(({ text, isMarked }) =>
      isMarked && text.startsWith("|") ? mentionsOf(text.split("|")[1] ?? "") : [],
    );
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => known.isOurs(name, "docs/api.md"))).toEqual([]);
  });

  it("has the catalogue of errors, with their statuses", () => {
    const told = blocks.flatMap(({ text, isMarked }) => {
      const [, code, status] = /^\| `([A-Z_]+)` \| (\d{3}) \|/.exec(text) ?? [];
      return code === undefined || isMarked ? [] : [`${code} ${status}`];
    });
    const catalogue = Object.entries(ERROR_CATALOGUE).map(([code, { status }]) => `${code} ${status}`);
    expect(told.toSorted()).toEqual(catalogue.toSorted());
  });
});

function isInText(blocks: readonly Block[], route: string): boolean {
  return blocks.some(({ text, isMarked }) => !isMarked && text.includes(`\`${route}\` →`));
}

describe("every table of a database", () => {
  // As the migrations leave them: one may build a table anew, under another name for a while.
  const tables = DATABASES.flatMap((database) => {
    const { sqlite } = sqliteD1(migrationsOf(database));
    const made = sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return made.map(({ name }) => ({ database, table: String(name) }));
  });

  it("has a row that says what it holds, how much of it at most, where that is said, and when it leaves", () => {
    expect(tables.length).toBeGreaterThan(20);
    const isTold = ({ database, table }: (typeof tables)[number]): boolean =>
      new RegExp(`^\\| \`${table}\`(?: \\| [^|]+){2,3} \\|$`, "m").test(
        repository.read(`docs/design/${database}.md`),
      );
    expect(tables.filter((table) => !isTold(table))).toEqual([]);
  });
});

describe("the README of src/resilience", () => {
  it("has a row for every file, in the table of its folder", () => {
    const folder = "src/resilience/";
    const told = repository
      .read(`${folder}README.md`)
      .split(/^## /m)
      .flatMap((section) => {
        const room = /^`(\w+\/)`/.exec(section)?.[1] ?? "";
        const cells = section.match(/^\| `[^|]+/gm) ?? [];
        return cells.flatMap((cell) => [...cell.matchAll(/`([\w-]+\.ts)`/g)].map(([, file]) => room + file));
      });
    const there = repository.files.filter((file) => file.startsWith(folder) && file.endsWith(".ts"));
    expect(told.toSorted()).toEqual(there.map((file) => file.slice(folder.length)).toSorted());
  });
});

describe("docs/test-matrix.md", () => {
  it("names tests that are there", () => {
    const cells = repository
      .read("docs/test-matrix.md")
      .split("\n")
      .filter((line) => line.startsWith("| ") && !line.startsWith("| ---"))
      .flatMap((line) => line.split("|").slice(2, -1));
    expect(cells.length).toBeGreaterThan(200);
    expect(cells.flatMap(testsIn).filter((names) => !names.some((name) => known.hasTest(name)))).toEqual([]);
  });
});

/** The tests in a cell, each by the names it may have: its folder may be that of one before. */
function testsIn(cell: string): string[][] {
  const folders = [""];
  return [...cell.matchAll(/`([a-z][\w./*-]*)`/g)].map(([, name = ""]) => {
    const names = folders.map((folder) => folder + name);
    const folder = name.slice(0, name.lastIndexOf("/") + 1);
    if (folder !== "") folders.unshift(folder);
    return names;
  });
}
