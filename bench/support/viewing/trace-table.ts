import { amount, dollars, markdownTable, TOTAL } from "../../../testbed/cost/bill-table.ts";
import { billOf } from "../../../testbed/cost/bill.ts";
import { METER_NAMES, METERS } from "../../../testbed/cost/usage.ts";
import { PRICES, PRICES_ELSEWHERE } from "../cost/published-prices.ts";
import { CANDIDATE, CANDIDATES, type CandidateName } from "./candidates.ts";
import type { CpuOfTrace } from "./cpu-of-trace.ts";
import type { TraceMetered } from "./trace-scenario.ts";

/** The first cell, by which documents find the table. */
export const TRACE = "dollars a million reports of the trace (used by one)";

const BYTES_PER_GIGABYTE = 1e9;

interface Row {
  readonly name: string;
  /** Of one report. */
  readonly used: number;
  /** Of a million. */
  readonly dollars: number;
}

interface Column {
  readonly candidate: CandidateName;
  readonly rows: readonly Row[];
  readonly total: number;
}

/** What each candidate costs on the same trace, by meter, with how much a report uses of it. */
export function traceTable(metered: Readonly<Record<CandidateName, TraceMetered>>, cpu: CpuOfTrace): string {
  const columns = CANDIDATES.map((candidate) => columnOf(candidate, metered[candidate], cpu[candidate]));
  const names = columns[0]?.rows.map(({ name }) => name) ?? [];
  return markdownTable(
    [TRACE, ...columns.map(({ candidate }) => CANDIDATE[candidate].name)],
    [
      ...names.map((name, place) => [name, ...columns.map(({ rows }) => cellOf(rows[place]))]),
      [TOTAL, ...columns.map(({ total }) => dollars(total))],
      ["with QStash for the queue", ...columns.map((column) => withQstash(column, metered))],
    ],
  );
}

function columnOf(candidate: CandidateName, metered: TraceMetered, cpuMs: number): Column {
  const usage = { ...metered.perReport, cpuMs };
  const bill = billOf(usage, PRICES);
  const { commands, bytes } = metered.upstashPerReport;
  const elsewhere: readonly Row[] = [
    { name: "Redis commands", used: commands, dollars: commands * PRICES_ELSEWHERE.upstashCommands },
    {
      name: "Redis bandwidth, GB",
      used: bytes / BYTES_PER_GIGABYTE,
      dollars: (bytes / BYTES_PER_GIGABYTE) * PRICES_ELSEWHERE.upstashGigabytes,
    },
  ];
  return {
    candidate,
    rows: [
      ...METER_NAMES.map((meter) => ({
        name: METERS[meter],
        used: usage[meter],
        dollars: bill.byMeter[meter],
      })),
      ...elsewhere,
    ],
    total: elsewhere.reduce((sum, row) => sum + row.dollars, bill.total),
  };
}

function cellOf(row: Row | undefined): string {
  if (row === undefined || row.used === 0) return "–";
  return `${dollars(row.dollars)} (${amount(row.used)})`;
}

/** The bill of who buys the queue where the Redis is. */
function withQstash(
  { candidate, rows, total }: Column,
  metered: Readonly<Record<CandidateName, TraceMetered>>,
): string {
  if (candidate !== "upstash") return "–";
  const queue = rows.find(({ name }) => name === METERS.queueOperations)?.dollars ?? 0;
  return dollars(total - queue + metered[candidate].messagesPerReport * PRICES_ELSEWHERE.qstashMessages);
}
