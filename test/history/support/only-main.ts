import { MAIN_CELL } from "../../../src/contracts/cell.ts";
import { Cells } from "../../../src/history/biz/cells.ts";

/** A platform of one cell, which is `main`. */
export function onlyMain<T>(parts: T): Cells<T> {
  return new Cells({ parts: new Map([[MAIN_CELL, parts]]), onUnknown: () => undefined });
}
