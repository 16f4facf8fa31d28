import { parseSync } from "oxc-parser";

/** A paragraph, a list item, a row of a table or a comment: what is said in one breath. */
export interface Block {
  readonly line: number;
  readonly text: string;
  /** Whether it says of itself, or its heading does, that what it names is not there. */
  readonly isMarked: boolean;
}

/** What is promised and not there yet, and what was there once. */
const MARKS = /\((?:planned|gone)\)/;
const STARTS_BLOCK = /^\s*(?:\||[-*] |\d+\. |#)/;

/**
 * The blocks of a Markdown document. Of a fence only what can be typed is told, the names of npm
 * scripts: the rest is somebody's output, or a drawing. A changelog's releases are history, but for
 * the one that is not out yet.
 */
export function documentBlocks(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  /** Whether each heading above is marked, by its depth. */
  const headings: boolean[] = [];
  let isFenced = false;
  let isHistory = false;
  let open: { line: number; lines: string[] } | null = null;
  const close = (): void => {
    if (open === null) return;
    const text = open.lines.join("\n");
    blocks.push({ line: open.line, text, isMarked: MARKS.test(text) || headings.includes(true) });
    open = null;
  };
  for (const [index, line] of markdown.split("\n").entries()) {
    if (/^\s*```/.test(line)) {
      close();
      isFenced = !isFenced;
      continue;
    }
    if (isFenced) {
      blocks.push({ line: index + 1, text: scriptsOf(line), isMarked: isHistory || headings.includes(true) });
      continue;
    }
    const heading = /^(#+) /.exec(line)?.[1]?.length;
    if (line.trim() === "" || STARTS_BLOCK.test(line)) close();
    if (heading !== undefined) {
      headings.length = heading - 1;
      headings.push(MARKS.test(line));
      if (heading <= 2) isHistory = /^## \d+\.\d+\.\d+/.test(line) && !line.includes("unreleased");
    }
    if (line.trim() === "" || isHistory) continue;
    open ??= { line: index + 1, lines: [] };
    open.lines.push(line);
  }
  close();
  return blocks;
}

function scriptsOf(line: string): string {
  return (line.match(/npm (?:run )?[\w:-]+(?: -- [\w-]+)?/g) ?? []).join(" ");
}

/** The comments of a source, those that follow each other taken as one, and what is left of it. */
export function commentsAndCode(
  path: string,
  source: string,
): { readonly comments: readonly Block[]; readonly code: string } {
  if (/\.sql$|\.toml$/.test(path)) return lineComments(source, path.endsWith(".sql") ? "--" : "#");
  const comments: Block[] = [];
  let code = "";
  let at = 0;
  let last: { end: number; line: number; text: string } | null = null;
  const push = (): void => {
    if (last !== null) comments.push({ line: last.line, text: last.text, isMarked: MARKS.test(last.text) });
  };
  for (const { start, end, value, type } of parseSync(path, source).comments) {
    code += `${source.slice(at, start)} `;
    at = end;
    const text = type === "Block" ? value.replaceAll(/^\s*\*/gm, "") : value;
    if (last !== null && source.slice(last.end, start).trim() === "" && type === "Line") {
      last = { end, line: last.line, text: `${last.text}\n${text}` };
    } else {
      push();
      last = { end, line: source.slice(0, start).split("\n").length, text };
    }
  }
  push();
  return { comments, code: code + source.slice(at) };
}

function lineComments(source: string, mark: string): { comments: readonly Block[]; code: string } {
  const lines = source.split("\n");
  const isComment = (line: string): boolean => line.trimStart().startsWith(mark);
  return {
    comments: lines.flatMap((line, index) =>
      isComment(line) ? [{ line: index + 1, text: line, isMarked: MARKS.test(line) }] : [],
    ),
    code: lines.filter((line) => !isComment(line)).join("\n"),
  };
}
