import { makeSecrets } from "../scripts/runtime/secrets.ts";
import { billOf } from "../testbed/cost/bill.ts";
import {
  DOLLARS_OF_A_MILLION,
  dollarsTable,
  usageTable,
  USED_BY_ONE,
  type Billed,
} from "../testbed/cost/bill-table.ts";
import { measureCpuBeside } from "./support/cost/cpu-beside.ts";
import type { CpuMs } from "./support/cost/cpu-of-requests.ts";
import { printGoals } from "./support/cost/goals.ts";
import { meterAll } from "./support/cost/meter-all.ts";
import type { Metered } from "./support/cost/metered.ts";
import { PRICES, PRICES_AS_OF } from "./support/cost/published-prices.ts";
import type { ReportsMetered } from "./support/cost/report-scenario.ts";
import type { AllMetered } from "./support/cost/scenarios.ts";
import {
  BESIDE,
  besideTable,
  COUNTED,
  detailsTable,
  HOUR,
  hourTable,
  ISOLATES,
  isolatesTable,
  type Named,
} from "./support/cost/tables.ts";
import { quote } from "./support/quote.ts";

const VIEWERS = Number(process.env["BENCH_VIEWERS"] ?? 2_000);
/** `BENCH_WRITE=1` writes the tables where they are quoted. */
const WRITES = process.env["BENCH_WRITE"] === "1";
const QUOTED_IN = { dollars: "README.md", others: "docs/design/cost.md" } as const;

/** What everything costs that the platform bills, metered from the code as it is deployed. */
export async function run(): Promise<void> {
  const [cpu, all] = await Promise.all([measureCpuBeside(VIEWERS), inVirtualTime()]);
  const reports = reportsOf(all);
  const metered = namedOf(all, reports);
  const billed = metered.map(({ name, metered: { perOne }, cpuOf }): Billed => {
    const usage = { ...perOne, cpuMs: cpu[cpuOf] };
    return { name, usage, bill: billOf(usage, PRICES) };
  });
  const dollars = dollarsTable(billed);
  const others = {
    [USED_BY_ONE]: usageTable(billed),
    [BESIDE]: besideTable(reports, all.coldRows),
    [COUNTED]: detailsTable(metered),
    [ISOLATES]: isolatesTable(all.isolates),
    [HOUR]: hourTable(all.hour),
  };
  console.log(`prices as of ${PRICES_AS_OF}, ${VIEWERS} viewers with a heartbeat every ten seconds\n`);
  for (const table of [dollars, ...Object.values(others)]) console.log(`${table}\n`);
  printGoals(billed, all.hour);
  if (!WRITES) return;
  quote(QUOTED_IN.dollars, { [DOLLARS_OF_A_MILLION]: dollars });
  quote(QUOTED_IN.others, others);
}

async function inVirtualTime(): Promise<AllMetered> {
  // A timer that goes off makes an error, as in production, and nobody reads where it was made.
  Error.stackTraceLimit = 0;
  return meterAll(makeSecrets(), VIEWERS);
}

/** At each rate. */
function reportsOf(all: AllMetered): readonly Named<ReportsMetered>[] {
  const names = ["report, 1/s a shard", "report, 20/s a shard", "report, 200/s a shard"] as const;
  return names.map((name) => ({ name, metered: all[name] }));
}

function namedOf(
  all: AllMetered,
  reports: readonly Named<ReportsMetered>[],
): readonly (Named<Metered> & { readonly cpuOf: keyof CpuMs })[] {
  return [
    ...reports.map((report) => ({ ...report, cpuOf: "report" as const })),
    { name: "report, D1 write-through", metered: all.writeThrough, cpuOf: "writeThroughReport" },
    { name: "read of continue", metered: all.read, cpuOf: "read" },
    { name: "sign-in", metered: all.signIn, cpuOf: "signIn" },
    { name: "transfer", metered: all.transfer, cpuOf: "transfer" },
  ];
}
