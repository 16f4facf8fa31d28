import { MAIN_CELL } from "../../../src/contracts/cell.ts";
import { shardName } from "../../../src/contracts/shard-name.ts";

/** A cell of the simulated platform: which of the world's shards and databases are its own. */
export interface SimCell {
  readonly name: string;
  /** By its own numbers, where they are among all of the world. */
  readonly shards: readonly number[];
  readonly databases: readonly number[];
  /** Where a worker begins that has learned nothing. */
  readonly prefix: string;
}

export const MAIN: SimCell = { name: MAIN_CELL, shards: [0, 1, 2], databases: [0, 1], prefix: "HISTORY_DB_" };
export const OTHER: SimCell = { name: "us", shards: [3], databases: [2], prefix: "HISTORY_DB_US_" };
export const CELLS: readonly SimCell[] = [MAIN, OTHER];
export const SHARDS = CELLS.flatMap(({ shards }) => shards).length;
export const DATABASES = CELLS.flatMap(({ databases }) => databases).length;

/** Where a user's home is. */
export function cellOf(userId: string): SimCell {
  return userId.startsWith(`u-${OTHER.name}-`) ? OTHER : MAIN;
}

/** The cell that a message, or an object, says it is of; absent: `main`. */
export function cellNamed(name: string | undefined): SimCell {
  return name === OTHER.name ? OTHER : MAIN;
}

/** Which of the world's shards it is, and what its object is called. */
export function placeOf(number: number): { readonly cell: SimCell; readonly name: string } {
  const cell = CELLS.find(({ shards }) => shards.includes(number)) ?? MAIN;
  return { cell, name: shardName({ cell: cell.name, shard: cell.shards.indexOf(number) }) };
}

/** Where the one of the world is that a cell calls by this number. */
export function inWorld(numbers: readonly number[], number: number): number {
  return numbers[number] ?? Number.NaN;
}
