import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** One place in the source where SQL is prepared. */
interface PreparedStatement {
  /** The file's name without its ending, then what is prepared, as it is written there. */
  readonly name: string;
  /** Where the argument begins and ends. */
  readonly begin: number;
  readonly end: number;
}

const CALL = ".prepare(";

/**
 * Every place of a file that prepares SQL. Throws where the word stands for anything else: a
 * statement that can't be seen here would be measured by nobody.
 */
function preparedIn(file: string, source: string): readonly PreparedStatement[] {
  const found: PreparedStatement[] = [];
  for (const { index } of source.matchAll(/\bprepare\b/g)) {
    const begin = index - 1 + CALL.length;
    if (!source.startsWith(CALL, index - 1))
      throw new Error(`${file} says "prepare" at ${index} and does not call it`);
    const end = closingBracket(source, begin);
    const argument = source.slice(begin, end).replaceAll(/\s+/g, " ").trim().replace(/,$/, "");
    found.push({ name: `${basename(file, ".ts")} ${argument}`, begin, end });
  }
  if (/\.exec\(\s*[`"']?\s*(?:select|insert|update|delete)/i.test(source))
    throw new Error(`${file} runs SQL without preparing it`);
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

/** The names of all statements that a room of the source prepares. */
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
