import { isCellName, MAIN_CELL } from "../../contracts/cell.ts";
import { CONTINENTS, isContinent, type Continent } from "../../contracts/continent.ts";

/** Stands for each continent that isn't named. */
const ANY_OTHER = "*";

/** Cells by continent, and by `*` for all others. */
export type CellOf = ReadonlyMap<Continent | typeof ANY_OTHER, string>;

/**
 * Reads which continent's users have their home where, as a var says it: `NA=us,*=main`.
 *
 * @throws RangeError unless all are continents and names of cells, none comes twice and `*` is
 *   there: one that was forgotten can't be told from one that is meant for `main`
 */
export function parseCellOf(text: string): CellOf {
  const pairs = text.split(",").map(parsePair);
  const cellOf = new Map(pairs);
  if (cellOf.size < pairs.length) throw new RangeError("a continent comes twice");
  if (!cellOf.has(ANY_OTHER))
    throw new RangeError(`${ANY_OTHER}=<cell> is missing, for all other continents`);
  return cellOf;
}

function parsePair(text: string): readonly [Continent | typeof ANY_OTHER, string] {
  const [continent, cell, ...rest] = text.trim().split("=");
  if (continent !== ANY_OTHER && !isContinent(continent))
    throw new RangeError(`"${continent}" is no continent: ${CONTINENTS.join(", ")}, or ${ANY_OTHER}`);
  if (!isCellName(cell) || rest.length > 0) throw new RangeError(`"${text.trim()}" is no continent=cell`);
  return [continent, cell];
}

/** The home of a user who registers from there; null: `main`. */
export type HomeOf = (continent: Continent | undefined) => string | null;

/** Homes by continent; `main` for all of whom none is known. */
export function homesBy(cellOf: CellOf): HomeOf {
  return function homeOf(continent) {
    if (continent === undefined) return null;
    const cell = cellOf.get(continent) ?? cellOf.get(ANY_OTHER) ?? MAIN_CELL;
    return cell === MAIN_CELL ? null : cell;
  };
}
