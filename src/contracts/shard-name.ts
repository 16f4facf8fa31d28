import { isCellName, MAIN_CELL, NAME_OF_MAIN } from "./cell.ts";

/** Which shard it is, of which cell. */
export interface ShardPlace {
  readonly cell: string;
  readonly shard: number;
}

/** More than there may be of one cell would make an object for nobody. */
export const SHARDS_MAX = 4_096;
/** How shards' objects are named, and comets: a cell, or what stands for it, and a number. */
export const OBJECT_NAME = /^([a-z][a-z0-9]{0,15})-(0|[1-9]\d{0,3})$/;

/** The name of a shard's object. It is part of where data lives, so it never changes. */
export function shardName({ cell, shard }: ShardPlace): string {
  return `${cell === MAIN_CELL ? NAME_OF_MAIN : cell}-${shard}`;
}

/** Which shard has this name; null where none can have it. */
export function shardNamed(name: string): ShardPlace | null {
  const [, first = "", digits = ""] = OBJECT_NAME.exec(name) ?? [];
  const shard = Number(digits);
  if (digits === "" || shard >= SHARDS_MAX) return null;
  if (first === NAME_OF_MAIN) return { cell: MAIN_CELL, shard };
  // An object `main-3` would be another one than `shard-3`, for the same users.
  return first !== MAIN_CELL && isCellName(first) ? { cell: first, shard } : null;
}
