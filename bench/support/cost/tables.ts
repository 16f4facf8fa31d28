import { amount, dollars, markdownTable } from "../../../testbed/cost/bill-table.ts";
import { billOf } from "../../../testbed/cost/bill.ts";
import { METER_NAMES, METERS } from "../../../testbed/cost/usage.ts";
import type { HourMetered } from "./hour-without-users.ts";
import type { OfIsolates } from "./isolates.ts";
import type { Metered } from "./metered.ts";
import { PRICES } from "./published-prices.ts";
import { COLD_ENTRIES } from "./read-scenario.ts";
import type { ReportsMetered } from "./report-scenario.ts";

export interface Named<M extends Metered> {
  readonly name: string;
  readonly metered: M;
}

/** First cells, by which documents find their tables. */
export const BESIDE = "beside the price";
export const ISOLATES = "isolates of each worker";
export const HOUR = "an hour without users";
export const COUNTED = "what was counted, for one";

const HOURS_PER_MONTH = 730;
/** What happens less often than this is none of the price. */
const DETAIL_MIN = 0.001;

/** What is told of reports that is no meter. */
export function besideTable(reports: readonly Named<ReportsMetered>[], coldRows: number): string {
  const cells = (of: (metered: ReportsMetered) => string): string[] =>
    reports.map(({ metered }) => of(metered));
  const seconds = (ms: number | null): string => (ms === null ? "–" : `${(ms / 1_000).toFixed(1)} s`);
  return markdownTable(
    [BESIDE, ...reports.map(({ name }) => name)],
    [
      ["answered, p50", ...cells(({ answeredMs }) => `${answeredMs.p50} ms`)],
      ["answered, p99", ...cells(({ answeredMs }) => `${answeredMs.p99} ms`)],
      ["flush lag beyond the window, p99", ...cells(({ flushLagP99Ms }) => seconds(flushLagP99Ms))],
      ["failed", ...cells(({ failures }) => String(failures))],
      [
        `D1 rows read for a user with ${COLD_ENTRIES} entries whom the shard doesn't know`,
        ...cells(() => amount(coldRows)),
      ],
    ],
  );
}

/** What each of the isolates costs, however few requests it serves. */
export function isolatesTable(isolates: readonly OfIsolates[]): string {
  return markdownTable(
    [ISOLATES, "requests/s each", "calls of shared objects a report", "dollars a million of these"],
    isolates.map(({ places, requestsPerSecondEach, objectCalls }) => [
      String(places),
      amount(requestsPerSecondEach),
      amount(objectCalls),
      dollars(objectCalls * PRICES.objectRequests),
    ]),
  );
}

/** Meters of an hour without users, and what it was that they counted. */
export function hourTable({ usage, details, outsideOfCrons }: HourMetered): string {
  const month = (billOf(usage, PRICES).total * HOURS_PER_MONTH) / 1_000_000;
  return markdownTable(
    [HOUR, "units"],
    [
      ...METER_NAMES.map((meter) => [METERS[meter], amount(usage[meter])]),
      ["calls of objects while no cron was at work", amount(outsideOfCrons)],
      ["dollars a month of such hours", dollars(month)],
      ...details.map(([detail, count]) => [detail, amount(count)]),
    ],
  );
}

/** What the meters were used for. */
export function detailsTable(scenarios: readonly Named<Metered>[]): string {
  const names = [...new Set(scenarios.flatMap(({ metered }) => metered.details.map(([detail]) => detail)))];
  const rows = names.map((name) => {
    const counts = scenarios.map(
      ({ metered }) => metered.details.find(([detail]) => detail === name)?.[1] ?? 0,
    );
    return { name, counts };
  });
  return markdownTable(
    [COUNTED, ...scenarios.map(({ name }) => name)],
    rows
      .filter(({ counts }) => counts.some((count) => count >= DETAIL_MIN))
      .map(({ name, counts }) => [name, ...counts.map(amount)]),
  );
}
