import { expect, it } from "vitest";
import { Cells } from "../../../src/history/biz/cells.ts";
import { failureLogOfCells } from "../../../src/history/biz/failure-log-of-cells.ts";
import type { Failures } from "../../../src/history/biz/ports.ts";

it("counts each failure in its own cell, and in main what is of none or of one that has gone", async () => {
  const noted: unknown[] = [];
  const logOf = (place: string) => ({
    note: async ({ cell }: Failures) => void noted.push([cell, place]),
  });
  const parts = new Map(["main", "us"].map((name) => [name, logOf(name)]));
  const log = failureLogOfCells(new Cells({ parts, onUnknown: (cell) => void noted.push(cell) }));
  for (const cell of ["us", "main", "jp"]) await log.note({ cell, counts: { dead_flush: 1 } });
  await log.note({ counts: { dead_flush: 1 } });
  expect(noted).toEqual([
    ["us", "us"],
    ["main", "main"],
    ["jp", "main"],
    [undefined, "main"],
  ]);
});
