const SLICE_ROWS_MAX = 1_000;
/**
 * How much longer than the last one a slice is: few rows in between cost few reads, many few
 * statements.
 */
const GROWTH = 4;

interface Slices<T> {
  /** How many rows are wanted. */
  readonly limit: number;
  /** The place behind which they are looked for. */
  readonly from: string;
  readonly read: (from: string, rows: number) => Promise<readonly T[]>;
  readonly placeOf: (row: T) => string;
  readonly isWanted: (row: T) => boolean;
}

/**
 * The first `limit` wanted rows behind a place, where no index leads past what is not wanted. The
 * first slice is as long as the page, which nearly always is enough. None is so long that it holds
 * up the database; there are as many as it takes, within the caller's time.
 */
export async function pickedInSlices<T>({
  limit,
  from,
  read,
  placeOf,
  isWanted,
}: Slices<T>): Promise<readonly T[]> {
  const picked: T[] = [];
  let [place, rows] = [from, limit];
  for (;;) {
    const slice = await read(place, rows);
    picked.push(...slice.filter(isWanted));
    const last = slice.at(-1);
    if (picked.length >= limit || last === undefined || slice.length < rows) return picked.slice(0, limit);
    [place, rows] = [placeOf(last), Math.min(rows * GROWTH, SLICE_ROWS_MAX)];
  }
}
