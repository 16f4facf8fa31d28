import { isCellName, MAIN_CELL } from "./cell.ts";

/** Which shard it is, of which cell. */
export interface ShardPlace {
  readonly cell: string;
  readonly shard: number;
}

/** More than there may be of one cell would make an object for nobody. */
export const SHARDS_MAX = 4_096;
const NAME = /^([a-z][a-z0-9]*)-(0|[1-9]\d{0,3})$/;
/** What stands for the cell in the names of `main`, from before there were others. */
const OF_MAIN = "shard";

/** The name of a shard's object. It is part of where data lives, so it never changes. */
export function shardName({ cell, shard }: ShardPlace): string {
  return `${cell === MAIN_CELL ? OF_MAIN : cell}-${shard}`;
}

/** Which shard has this name; null where none can have it. */
export function shardNamed(name: string): ShardPlace | null {
  const [, first = "", digits = ""] = NAME.exec(name) ?? [];
  const shard = Number(digits);
  if (digits === "" || shard >= SHARDS_MAX) return null;
  if (first === OF_MAIN) return { cell: MAIN_CELL, shard };
  // An object `main-3` would be another one than `shard-3`, for the same users.
  return first !== MAIN_CELL && isCellName(first) ? { cell: first, shard } : null;
}
