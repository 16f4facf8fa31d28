import { describe, expect, it } from "vitest";
import { parseCells } from "../../../src/contracts/cell.ts";
import { requireCellBindings } from "../../../src/history/biz/cell-bindings.ts";

const MAIN = ["HISTORY_DB_0", "HISTORY_DB_1", "FLUSH_QUEUE", "SHARD", "CELLS"];
const refuse = (cells: string, bindings: readonly string[]): void =>
  requireCellBindings(parseCells(cells), bindings);

describe("cells and what is bound for them", () => {
  it("go together: each has a database and a queue, and each of these has its cell", () => {
    expect(() => refuse("main", MAIN)).not.toThrow();
    expect(() => refuse("main:weur,us:enam", [...MAIN, "HISTORY_DB_US_7", "FLUSH_QUEUE_US"])).not.toThrow();
    // Of a cell `db`, and none of main's.
    expect(() => refuse("main,db", [...MAIN, "HISTORY_DB_DB_0", "FLUSH_QUEUE_DB"])).not.toThrow();
  });

  it.each([
    ["main,us", MAIN, ["us has no database HISTORY_DB_US_0", "us has no queue FLUSH_QUEUE_US"]],
    ["main,us", [...MAIN, "HISTORY_DB_US_0"], ["us has no queue FLUSH_QUEUE_US"]],
    ["main", ["FLUSH_QUEUE"], ["main has no database HISTORY_DB_0"]],
    ["main", [...MAIN, "HISTORY_DB_US_0"], ["HISTORY_DB_US_0 is bound, but there is no cell us"]],
    ["main", [...MAIN, "FLUSH_QUEUE_US"], ["FLUSH_QUEUE_US is bound, but there is no cell us"]],
    [
      "main",
      ["HISTORY_DB_MAIN_0", "FLUSH_QUEUE_MAIN"],
      ["HISTORY_DB_MAIN_0 is bound, and nothing would use"],
    ],
    ["main", ["HISTORY_DB_01", "FLUSH_QUEUE"], ["HISTORY_DB_01 is", "main has no database HISTORY_DB_0"]],
    ["main", [...MAIN, "HISTORY_DB_1000"], ["HISTORY_DB_1000 is bound, and nothing would use it"]],
    ["main,us", [...MAIN, "HISTORY_DB_us_0", "FLUSH_QUEUE_US"], ["HISTORY_DB_us_0 is", "us has no database"]],
  ])("are refused with what is missing: %s with %j", (cells, bindings, reasons) => {
    for (const reason of reasons) expect(() => refuse(cells, bindings)).toThrow(reason);
  });
});
