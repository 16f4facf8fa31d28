import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** One place in the source where a statement is written down. */
interface PreparedStatement {
  /** The file's name without its ending, then the constant that holds the statement. */
  readonly name: string;
  /** Where its text begins and ends. */
  readonly begin: number;
  readonly end: number;
}

const CALL = "namedSql(";
const IMPORTS = /^import\b[^;]*;/gm;

/**
 * Every statement of a file. Throws where SQL is prepared in any other way: a statement that can't
 * be seen here would be measured by nobody.
 */
function preparedIn(file: string, source: string): readonly PreparedStatement[] {
  const found: PreparedStatement[] = [];
  const code = source.replaceAll(IMPORTS, (lines) => " ".repeat(lines.length));
  for (const { index } of code.matchAll(/\bnamedSql\b/g)) {
    const begin = index + CALL.length;
    const [, constant] = /\bconst ([A-Z_]+) = $/.exec(code.slice(0, index)) ?? [];
    if (constant === undefined || !code.startsWith(CALL, index))
      throw new Error(`${file} says "namedSql" at ${index} and makes no constant with it`);
    found.push({ name: `${basename(file, ".ts")} ${constant}`, begin, end: closingBracket(code, begin) });
  }
  if (/\bprepare\b|\.exec\(\s*[`"']?\s*(?:select|insert|update|delete)/i.test(code))
    throw new Error(`${file} runs SQL that is no constant`);
  return found;
}

function closingBracket(source: string, begin: number): number {
  let depth = 1;
  for (let at = begin; at < source.length; at += 1) {
    if (source[at] === "(") depth += 1;
    if (source[at] === ")") depth -= 1;
    if (depth === 0) return at;
  }
  throw new Error("a bracket is never closed");
}

/** The names of all statements of a room of the source. */
export function preparedStatements(room: string): readonly string[] {
  const files = readdirSync(room, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const names = files.flatMap((file) =>
    preparedIn(file, readFileSync(`${room}/${file}`, "utf8")).map(({ name }) => name),
  );
  return [...new Set(names)].toSorted();
}

/**
 * A plugin that has each statement of a room say its name in a comment at its end, so that whoever
 * meters a database knows which one has run.
 */
export function namingStatements(room: string) {
  return {
    name: "naming-statements",
    enforce: "pre" as const,
    transform(source: string, id: string): string | null {
      const [file = ""] = id.split("?");
      if (!file.startsWith(room)) return null;
      let named = source;
      // From the end, so that the places before it stay where they are.
      for (const { name, begin, end } of preparedIn(file, source).toReversed()) {
        named = `${named.slice(0, begin)}(${source.slice(begin, end).trim().replace(/,$/, "")}) + ${JSON.stringify(` /* ${name} */`)}${named.slice(end)}`;
      }
      return named;
    },
  };
}
