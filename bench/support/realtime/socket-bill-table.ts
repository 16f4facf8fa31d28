import { amount, dollars, markdownTable, TOTAL, type Billed } from "../../../testbed/cost/bill-table.ts";
import { METER_NAMES, METERS } from "../../../testbed/cost/usage.ts";

/** The first cell, by which documents find the table. */
export const OVER_SOCKETS = "dollars a million reports (used by one)";

/** What reports cost over sockets beside HTTP, by meter, with how much one uses of it. */
export function socketBillTable(columns: readonly Billed[]): string {
  return markdownTable(
    [OVER_SOCKETS, ...columns.map(({ name }) => name)],
    [
      ...METER_NAMES.map((meter) => [
        METERS[meter],
        ...columns.map(({ usage, bill }) =>
          usage[meter] === 0 ? "–" : `${dollars(bill.byMeter[meter])} (${amount(usage[meter])})`,
        ),
      ]),
      [TOTAL, ...columns.map(({ bill }) => bill.total.toFixed(2))],
    ],
  );
}
