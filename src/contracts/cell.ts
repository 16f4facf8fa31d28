/** What has no cell belongs to this one: every user from before there were cells. */
export const MAIN_CELL = "main";

/** A cell: a place with its own history shards, databases and flush queue. */
export interface Cell {
  readonly name: string;
  /** Where its objects are made; null: near whoever asks first. */
  readonly locationHint: LocationHint | null;
}

/** Source: the platform's documentation of Durable Objects' data location. */
const LOCATION_HINTS = [
  "wnam",
  "enam",
  "sam",
  "weur",
  "eeur",
  "apac",
  "apac-ne",
  "apac-se",
  "oc",
  "afr",
  "me",
] as const;

export type LocationHint = (typeof LOCATION_HINTS)[number];

/** It is part of objects' names and, in upper case, of bindings' names. */
const CELL_NAME = /^[a-z][a-z0-9]{0,15}$/;
/** Stands for the cell in the names of `main`'s shards and comets: no other may be so named. */
export const NAME_OF_MAIN = "shard";
/** What stands there in the names of guests' comets, which are of no cell. */
export const NAME_OF_GUESTS = "sub";
const RESERVED_NAMES: readonly string[] = [NAME_OF_MAIN, NAME_OF_GUESTS];
const CELLS_MAX = 32;

/** Whether a cell may be so named, be there one or not. */
export function isCellName(value: unknown): value is string {
  return typeof value === "string" && CELL_NAME.test(value) && !RESERVED_NAMES.includes(value);
}

/**
 * Reads cells as a var names them: `main:weur,us:enam`, each with a location hint or
 * without.
 *
 * @throws RangeError unless every name and hint may be, no name comes twice and `main` is among
 *   them
 */
export function parseCells(text: string): readonly Cell[] {
  const cells = text.split(",").map(parseCell);
  const names = new Set(cells.map(({ name }) => name));
  if (names.size < cells.length) throw new RangeError("a cell is named twice");
  if (!names.has(MAIN_CELL)) throw new RangeError(`the cell ${MAIN_CELL} is missing`);
  if (cells.length > CELLS_MAX) throw new RangeError(`there may be ${CELLS_MAX} cells at most`);
  return cells;
}

function parseCell(text: string): Cell {
  const [name = "", hint, ...rest] = text.trim().split(":");
  if (!isCellName(name) || rest.length > 0)
    throw new RangeError(
      `"${text.trim()}" is no cell: 1 to 16 lower case letters and digits, not "${RESERVED_NAMES.join('" or "')}"`,
    );
  if (hint === undefined) return { name, locationHint: null };
  const locationHint = LOCATION_HINTS.find((known) => known === hint);
  if (locationHint === undefined)
    throw new RangeError(`"${hint}" is no location hint: ${LOCATION_HINTS.join(", ")}`);
  return { name, locationHint };
}
