import type { StatementCost } from "../../../testbed/databases/metered-d1.ts";

interface Bound {
  /** A part of the statement's text. */
  readonly fragment: string;
  readonly rowsReadMax: number;
}

/** Rows of a document's tables that are `| by | \`fragment\` | rows |`. */
function boundsIn(doc: string): readonly Bound[] {
  return [...doc.matchAll(/^\| [^|]+ \| `([^`]+)` \| ([\d,]+) \|$/gm)].map(
    ([, fragment = "", bound = ""]) => ({
      fragment,
      rowsReadMax: Number(bound.replaceAll(",", "")),
    }),
  );
}

/**
 * What a document's table of statements and the statements that have run don't agree about: each
 * has one row, each row has one, none reads more.
 */
export function disagreements(
  doc: string,
  statements: ReadonlyMap<string, StatementCost>,
): readonly string[] {
  const bounds = boundsIn(doc);
  const told: string[] = [];
  for (const [query, { rowsReadMax }] of statements) {
    const [bound, ...others] = bounds.filter(({ fragment }) => query.includes(fragment));
    if (bound === undefined) told.push(`has no row in the table (reads ${rowsReadMax}): ${query}`);
    else if (others.length > 0) told.push(`has ${others.length + 1} rows in the table: ${query}`);
    else if (rowsReadMax > bound.rowsReadMax)
      told.push(`reads ${rowsReadMax} rows, not ${bound.rowsReadMax}: ${query}`);
  }
  for (const { fragment } of bounds) {
    if (![...statements.keys()].some((query) => query.includes(fragment)))
      told.push(`did not run: ${fragment}`);
  }
  return told;
}
