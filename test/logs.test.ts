import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../scripts/runtime/project-root.ts";
import { readWorkerConfigs } from "../scripts/runtime/worker-configs.ts";
import { SLOW_SHARE } from "../src/gateway/log-weight.ts";

/* docs/design/logs.md has a row for each line that a worker can write, and one for each worker. */

const DOCUMENT = readFileSync(`${PROJECT_ROOT}docs/design/logs.md`, "utf8");

function tableUnder(heading: string): string[][] {
  const section = DOCUMENT.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const bare = (cell: string): string => cell.replaceAll("`", "");

interface Line {
  readonly event: string;
  readonly by: string;
  readonly level: string;
  /** Whether what it is given says for how many requests it stands. */
  readonly isWeighed: boolean;
}

const LOGGED =
  /(?<![\w`])(?:[\w.]*[lL]ogger(?:\(env\))?(?:\(env\)\.logger)?)(?:\.(debug|info|warn|error)|\[([^\]]+)\])\(\s*("[^"]+"|\w+)([^;]*);/g;
const FAILURE_LINE = /\bfailureLine\(\s*\w+,\s*"([^"]+)"/g;
/** Lines whose name comes from elsewhere: each by the file that names it, and how. */
const NAMED_ELSEWHERE: Readonly<Record<string, readonly [file: string, names: RegExp]>> = {
  "src/history/service/operations-entrypoint.ts": ["src/history/biz/operators.ts", /onFailure\("([^"]+)"/g],
  "src/platform/http/serve.ts": ["src/platform/http/serve.ts", /\bevent = "([^"]+)"/g],
};

const read = (file: string): string => readFileSync(PROJECT_ROOT + file, "utf8");
const namesIn = (source: string, names: RegExp): string[] =>
  [...source.matchAll(names)].map(([, name = ""]) => name);

/** The room that writes it, or the part of the platform that all share. */
function roomOf(file: string): string {
  const [, first = "", second = ""] = file.split("/");
  const isShared = first === "bff" || first === "platform";
  return isShared && !second.endsWith(".ts") ? `${first}/${second}` : first;
}

/** Levels that an expression may come to: a conditional's two, or those of the const it names. */
function levelsOf(expression: string, source: string): readonly string[] {
  const [, value = expression] =
    new RegExp(`const ${expression.replaceAll(/\W/g, ".")} = ([^;]+);`).exec(source) ?? [];
  return namesIn(value, /"(\w+)"/g);
}

function linesOf(file: string): Line[] {
  const source = read(file);
  const by = roomOf(file);
  const elsewhere = (): readonly string[] => {
    const [from, names] = NAMED_ELSEWHERE[file] ?? [];
    if (from === undefined || names === undefined) throw new Error(`${file} logs what has no name`);
    return namesIn(read(from), names);
  };
  const called = [...source.matchAll(LOGGED)].flatMap(([, level, expression = "", name = "", rest = ""]) => {
    const levels = level === undefined ? levelsOf(expression, source) : [level];
    const events = name.startsWith('"') ? [name.slice(1, -1)] : elsewhere();
    const isWeighed = rest.includes("...requestFields(");
    return events.flatMap((event) => levels.map((one) => ({ event, by, level: one, isWeighed })));
  });
  const failures = namesIn(source, FAILURE_LINE).map((event) => ({
    event,
    by,
    level: "error",
    isWeighed: false,
  }));
  const plain = source.includes("console.") ? elsewhere() : [];
  return [...called, ...failures, ...plain.map((event) => ({ event, by, level: "error", isWeighed: false }))];
}

const files = globSync("src/**/*.ts", {
  cwd: PROJECT_ROOT,
  exclude: ["**/*.d.ts", "src/platform/logger.ts"],
});
const lines = files.toSorted().flatMap(linesOf);
const rows = tableUnder("Which lines there are, and how many of them").map(
  ([event = "", by = "", level = "", share = ""]) => ({
    event: bare(event),
    by: bare(by).split(", "),
    levels: level.split(", "),
    share,
  }),
);

describe("the table of lines", () => {
  it("has every line that the code writes, by who writes it and at what level", () => {
    expect(lines.length).toBeGreaterThan(30);
    const written = new Set(lines.map(({ event, by, level }) => `${event} | ${by} | ${level}`));
    const told = rows.flatMap(({ event, by, levels }) =>
      by.flatMap((room) => levels.map((level) => `${event} | ${room} | ${level}`)),
    );
    expect([...written].toSorted()).toEqual(told.toSorted());
  });

  it("says of each line with a weight, and of no other, that it isn't always there", () => {
    const told = rows.map(
      ({ event, by, share }) => `${event} of ${by.join()}: ${/^[^,;: ]+/.exec(share)?.[0]}`,
    );
    const actual = rows.map(({ event, by }) => {
      const isWeighed = lines.some((line) => line.event === event && by.includes(line.by) && line.isWeighed);
      return `${event} of ${by.join()}: ${isWeighed ? "sampled" : "always"}`;
    });
    expect(told).toEqual(actual);
  });

  it("says what slow is", () => {
    expect(DOCUMENT).toContain(`more than ${SLOW_SHARE * 100} % of the route's time`);
  });
});

describe("the table of workers", () => {
  const configs = readWorkerConfigs();

  it("is what their configs say", () => {
    const told = tableUnder("What each worker's config says").map((cells) => cells.slice(0, 6).map(bare));
    const actual = configs.map(({ name, config }) => {
      const { logs, traces } = config.observability ?? {};
      const { LOG_LEVEL = "", LOG_SAMPLE = "" } = config.vars as Readonly<Record<string, string>>;
      return [
        name,
        logs?.invocation_logs,
        logs?.head_sampling_rate,
        traces?.head_sampling_rate,
        LOG_LEVEL,
        LOG_SAMPLE,
      ].map(String);
    });
    expect(told).toHaveLength(actual.length);
    expect(told).toEqual(expect.arrayContaining(actual));
  });

  it.each(configs.map(({ name, config }) => [name, config] as const))(
    "%s writes no invocation logs, and no sampling at the head drops what its lines decide",
    (_name, { observability }) => {
      expect(observability).toEqual({
        enabled: true,
        logs: { enabled: true, invocation_logs: false, head_sampling_rate: 1 },
        traces: { enabled: true, head_sampling_rate: expect.any(Number) },
      });
    },
  );

  it("has one rate of traces, so that a trace is whole", () => {
    const rates = new Set(configs.map(({ config }) => config.observability?.traces?.head_sampling_rate));
    expect(rates.size).toBe(1);
    expect(Math.max(...[...rates].map(Number))).toBeLessThanOrEqual(0.01);
  });
});
