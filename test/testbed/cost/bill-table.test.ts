import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { billOf } from "../../../testbed/cost/bill.ts";
import {
  DOLLARS_OF_A_MILLION,
  dollarsTable,
  rowNamesOf,
  TOTAL,
  usageTable,
  USED_BY_ONE,
  withTable,
} from "../../../testbed/cost/bill-table.ts";
import { METER_NAMES, METERS, usageOf } from "../../../testbed/cost/usage.ts";

const read = (path: string): string => readFileSync(PROJECT_ROOT + path, "utf8");
const LABELS = METER_NAMES.map((meter) => METERS[meter]);
const usage = usageOf((meter) => (meter === "objectRequests" ? 0.000_123_4 : meter === "spans" ? 0 : 2));
const billed = [
  {
    name: "a report",
    usage,
    bill: billOf(
      usage,
      usageOf(() => 1.5),
    ),
  },
];

describe("the tables of what everything costs", () => {
  it("have a row for each meter, and one for all of it", () => {
    expect(rowNamesOf(dollarsTable(billed), DOLLARS_OF_A_MILLION)).toEqual([...LABELS, TOTAL]);
    expect(rowNamesOf(usageTable(billed), USED_BY_ONE)).toEqual(LABELS);
  });

  it("tell nothing from next to nothing", () => {
    const table = dollarsTable(billed);
    expect(table).toContain("| object requests | < 0.01 |");
    expect(table).toContain("| trace spans (until 2026-12-01) | – |");
    expect(table).toContain("| D1 rows read | 3.00 |");
    expect(usageTable(billed)).toContain("| object requests | 0.000123 |");
  });

  it("are put in the place of the ones before, and nowhere else", () => {
    const before = `before\n\n| ${USED_BY_ONE} | x |\n| --- | --- |\n| old | 1 |\n\nafter | no row\n`;
    const after = withTable(before, USED_BY_ONE, usageTable(billed));
    expect(after).toBe(`before\n\n${usageTable(billed)}\n\nafter | no row\n`);
    expect(() => withTable("nothing", USED_BY_ONE, "")).toThrow(USED_BY_ONE);
  });
});

describe("what documents quote", () => {
  it("README.md tells all meters that the benchmark prints, and their sum", () => {
    expect(rowNamesOf(read("README.md"), DOLLARS_OF_A_MILLION)).toEqual([...LABELS, TOTAL]);
  });

  it("docs/design/cost.md tells how much of each is used, and explains each", () => {
    const text = read("docs/design/cost.md");
    expect(rowNamesOf(text, USED_BY_ONE)).toEqual(LABELS);
    expect(rowNamesOf(text, "meter")).toEqual(LABELS);
  });

  it("no other document quotes a price", () => {
    const others = ["docs/design/history.md", "docs/design/ledger.md", "docs/design/resilience.md"];
    for (const path of others) expect(read(path)).not.toMatch(/dollars|\$ ?\d+\.\d/);
  });
});
