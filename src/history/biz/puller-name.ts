import { isCellName } from "../../contracts/cell.ts";

/** A partition of the bus of a cell. */
export interface PullerPlace {
  readonly cell: string;
  readonly partition: number;
}

/** More than a topic of ours ever has: each is an object. */
export const PARTITIONS_MAX = 1_000;
const NAME = /^([a-z][a-z0-9]*)-(0|[1-9]\d{0,2})$/;

/** The name of a puller's object, which never changes: its place is kept there. */
export function pullerName({ cell, partition }: PullerPlace): string {
  return `${cell}-${partition}`;
}

/** Which partition is read by the object of this name; null where none is. */
export function pullerNamed(name: string): PullerPlace | null {
  const [, cell = "", digits = ""] = NAME.exec(name) ?? [];
  return isCellName(cell) ? { cell, partition: Number(digits) } : null;
}
