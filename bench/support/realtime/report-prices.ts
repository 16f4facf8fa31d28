import type { Billed } from "../../../testbed/cost/bill-table.ts";
import { billOf } from "../../../testbed/cost/bill.ts";
import type { Metered } from "../cost/metered.ts";
import { PRICES } from "../cost/published-prices.ts";
import { meterReports } from "../cost/report-scenario.ts";
import { startRowMeter } from "../cost/row-meter.ts";
import { meterSocketReports } from "../cost/socket-report-scenario.ts";
import type { Named } from "../cost/tables.ts";
import { seedViewers } from "../cost/viewers.ts";
import type { ReportCpuMs } from "./report-cpu.ts";

/** Reports a second of one comet, and of one shard. */
const RATES = [1, 20, 200] as const;
const PLACES = 4;
const SESSION_MS = Number(process.env["BENCH_SESSION_MINUTES"] ?? 25) * 60_000;

export interface ReportPrices {
  readonly billed: readonly Billed[];
  readonly metered: readonly Named<Metered>[];
}

/** What reports cost over HTTP and over sockets, at the same rates, metered in virtual time. */
export async function meterReportPrices(
  secrets: Readonly<Record<string, string>>,
  viewers: number,
  cpu: ReportCpuMs,
): Promise<ReportPrices> {
  // A timer that goes off makes an error, as in production, and nobody reads where it was made.
  Error.stackTraceLimit = 0;
  const rowMeter = await startRowMeter();
  const seeded = await seedViewers(secrets, viewers);
  const columns: (Named<Metered> & { readonly cpuMs: number })[] = [];
  for (const reportsPerSecond of RATES) {
    const scenario = { seeded, rowMeter, reportsPerSecond, places: PLACES };
    process.stderr.write(`metering: ${reportsPerSecond}/s …\n`);
    columns.push(
      { name: `HTTP, ${reportsPerSecond}/s`, metered: await meterReports(scenario), cpuMs: cpu.http },
      {
        name: `sockets, ${reportsPerSecond}/s`,
        metered: await meterSocketReports({ ...scenario, sessionMs: SESSION_MS }),
        cpuMs: cpu.sockets,
      },
    );
  }
  await rowMeter.stop();
  const billed = columns.map(({ name, metered: { perOne }, cpuMs }): Billed => {
    const usage = { ...perOne, cpuMs };
    return { name, usage, bill: billOf(usage, PRICES) };
  });
  return { billed, metered: columns };
}
