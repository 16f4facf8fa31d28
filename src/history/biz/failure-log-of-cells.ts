import { MAIN_CELL } from "../../contracts/cell.ts";
import type { Cells } from "./cells.ts";
import type { FailureLog } from "./ports.ts";

/**
 * Counts failures where their cell does. Of a cell that is none any more somebody should hear all
 * the same: they are counted with `main`'s.
 */
export function failureLogOfCells(cells: Cells<FailureLog>): FailureLog {
  return {
    note(failures) {
      const { cell = MAIN_CELL } = failures;
      return cells.of(cells.has(cell) ? cell : MAIN_CELL).note(failures);
    },
  };
}
