import { describe, expect, it } from "vitest";
import { disagreements, type MeasuredStatement } from "../support/statement-table.ts";

const DOC =
  "| for | statement | rows read | rows written | through |\n| --- | --- | --- | --- | --- |\n| all | `d1-x READ` | 1,200 | 2 | `entry` |\n";
const NAMES = ["d1-x READ"];

function told(
  before: Partial<MeasuredStatement>,
  after: Partial<MeasuredStatement> = before,
  names = NAMES,
): readonly string[] {
  const usual = { read: 1_000, written: 2, through: "`entry`" };
  const measured = (more: Partial<MeasuredStatement>) => new Map([["d1-x READ", { ...usual, ...more }]]);
  return disagreements(DOC, names, { rows: 5_000, before: measured(before), after: measured(after) });
}

describe("the table of statements", () => {
  it("agrees with what costs as much as it says", () => {
    expect(told({})).toEqual([]);
  });

  it("tells what grows, though it is within its bound", () => {
    expect(told({ read: 600 }, { read: 1_100 })).toEqual(["d1-x READ grows: it reads 600 rows, then 1100"]);
  });

  it("tells what costs more or much less than it says, or goes another way", () => {
    expect(told({ read: 1_201 })).toHaveLength(1);
    expect(told({ written: 3 })).toHaveLength(1);
    expect(told({ read: 500 })).toHaveLength(1);
    expect(told({ through: "all of `entry`" })).toEqual([
      "d1-x READ goes through all of `entry`, not `entry`",
    ]);
  });

  it("names what is gone through in any order", () => {
    const doc = DOC.replace("`entry`", "`account`, `account_closed`");
    const cost = new Map([
      ["d1-x READ", { read: 1_000, written: 2, through: "`account_closed`, `account`" }],
    ]);
    expect(disagreements(doc, NAMES, { rows: 5_000, before: cost, after: cost })).toEqual([]);
  });

  it("tells a statement that it does not name, one that did not run, and one that is not there any more", () => {
    expect(told({}, {}, [...NAMES, "d1-x NEW"])).toEqual([
      "d1-x NEW did not run",
      "d1-x NEW has no row in the table: nobody knows what it costs",
    ]);
    expect(told({}, {}, [])).toEqual(["d1-x READ is in the table and nowhere else"]);
  });
});
