import { MAIN_CELL, type Cell } from "../../contracts/cell.ts";

/*
 * What is bound to the worker for each cell, by the names of bindings: `HISTORY_DB_0` and
 * `FLUSH_QUEUE` are of `main`, `HISTORY_DB_US_0` and `FLUSH_QUEUE_US` of a cell `us`.
 */

const OF_SOME_CELL = /^(?:HISTORY_DB|FLUSH_QUEUE)/;
const OF_A_CELL =
  /^(?:HISTORY_DB(?:_(?<ofDatabase>[A-Z][A-Z0-9]*))?_(?:0|[1-9]\d{0,2})|FLUSH_QUEUE(?:_(?<ofQueue>[A-Z][A-Z0-9]*))?)$/;

export function queueBinding(cell: string): string {
  return `FLUSH_QUEUE${suffixOf(cell)}`;
}

function suffixOf(cell: string): string {
  return cell === MAIN_CELL ? "" : `_${cell.toUpperCase()}`;
}

/**
 * Refuses cells and bindings that don't belong together. A cell without a database or a queue could
 * take reports and never write them back; a database of a cell that is not there may hold users
 * whom nobody would find; one with a name that is no cell's would be taken for one that is used.
 *
 * @throws RangeError that names what is missing
 */
export function requireCellBindings(cells: readonly Cell[], bindings: readonly string[]): void {
  const found = new Map(cells.map(({ name }) => [name, { database: false, queue: false }]));
  const reasons: string[] = [];
  for (const binding of bindings) {
    const groups = OF_A_CELL.exec(binding)?.groups;
    const named = (groups?.["ofDatabase"] ?? groups?.["ofQueue"])?.toLowerCase();
    if (groups === undefined || named === MAIN_CELL) {
      if (OF_SOME_CELL.test(binding)) reasons.push(`${binding} is bound, and nothing would use it`);
      continue;
    }
    const cell = named ?? MAIN_CELL;
    const of = found.get(cell);
    if (of === undefined) reasons.push(`${binding} is bound, but there is no cell ${cell}`);
    else of[binding.startsWith("HISTORY_DB") ? "database" : "queue"] = true;
  }
  for (const [cell, { database, queue }] of found) {
    if (!database) reasons.push(`the cell ${cell} has no database HISTORY_DB${suffixOf(cell)}_0`);
    if (!queue) reasons.push(`the cell ${cell} has no queue ${queueBinding(cell)}`);
  }
  if (reasons.length > 0) throw new RangeError(reasons.join("; "));
}
