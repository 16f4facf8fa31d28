/** What a statement may cost at most, and by which keys and indexes it finds what it reads. */
interface StatementRow {
  readonly name: string;
  readonly read: number;
  readonly written: number;
  readonly through: string;
}

/** What the dearest runs of a statement have cost, over as much as there was then. */
export interface MeasuredStatement {
  readonly read: number;
  readonly written: number;
  readonly through: string;
}

interface Measured {
  /** How many rows of everything there were at first. */
  readonly rows: number;
  readonly before: ReadonlyMap<string, MeasuredStatement>;
  /** With several times as many. */
  readonly after: ReadonlyMap<string, MeasuredStatement>;
}

/**
 * A page of other rows may cost a little more, where each of them leads to others. Five times as
 * many rows of everything are far beyond it.
 */
const SAME = 1.1;

/**
 * Rows of a document's tables that are `| who | \`file
 * STATEMENT\` | rows read | rows written | through |`.
 */
function rowsIn(doc: string): readonly StatementRow[] {
  const numberIn = (text: string): number => Number(text.replaceAll(",", ""));
  return [...doc.matchAll(/^\| [^|]+ \| `(d1-[^|`]+)` \| ([\d,]+) \| ([\d,]+) \| ([^|]+) \|$/gm)].map(
    ([, name = "", read = "", written = "", through = ""]) => ({
      name,
      read: numberIn(read),
      written: numberIn(written),
      through,
    }),
  );
}

/**
 * What a document's table of statements, the source and the statements that have run don't agree
 * about. Each statement that is prepared anywhere has one row and has run; none costs more than its
 * row says, none much less, and none reads more where there are more rows, unless it has a most
 * that is more than there were at first.
 */
export function disagreements(
  doc: string,
  prepared: readonly string[],
  { rows, before, after }: Measured,
): readonly string[] {
  const table = rowsIn(doc);
  const told = table
    .filter(({ name }) => !prepared.includes(name))
    .map(({ name }) => `${name} is in the table and nowhere else`);
  for (const name of new Set([...prepared, ...before.keys(), ...after.keys()])) {
    const [small, large] = [before.get(name), after.get(name)];
    const [row, ...others] = table.filter((one) => one.name === name);
    if (small === undefined || large === undefined) told.push(`${name} did not run`);
    if (row === undefined) told.push(`${name} has no row in the table: ${costs(small, large)}`);
    else if (small !== undefined && large !== undefined)
      told.push(...differences(row, small, large, rows).map((what) => `${name} ${what}`));
    if (others.length > 0) told.push(`${name} has several rows in the table`);
  }
  return told;
}

function differences(
  row: StatementRow,
  small: MeasuredStatement,
  large: MeasuredStatement,
  rows: number,
): readonly string[] {
  const [read, written] = [Math.max(small.read, large.read), Math.max(small.written, large.written)];
  const told: string[] = [];
  if (row.read < rows && large.read > small.read * SAME)
    told.push(`grows: it reads ${small.read} rows, then ${large.read}`);
  if (read > row.read || written > row.written)
    told.push(`costs more than its row says: ${costs(small, large)}`);
  if (read * 2 < row.read || written * 2 < row.written)
    told.push(`costs much less than its row says: ${costs(small, large)}`);
  if (inOrder(large.through) !== inOrder(row.through))
    told.push(`goes through ${large.through}, not ${row.through}`);
  return told;
}

/** A document may name them in an order of its own. */
function inOrder(through: string): string {
  return through.split(", ").toSorted().join(", ");
}

function costs(small: MeasuredStatement | undefined, large: MeasuredStatement | undefined): string {
  if (small === undefined || large === undefined) return "nobody knows what it costs";
  return `| ${Math.max(small.read, large.read)} | ${Math.max(small.written, large.written)} | ${large.through} |`;
}
