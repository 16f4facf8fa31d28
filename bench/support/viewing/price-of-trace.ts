import { readFileSync, writeFileSync } from "node:fs";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { makeSecrets } from "../../../scripts/runtime/secrets.ts";
import { withTable } from "../../../testbed/cost/bill-table.ts";
import { viewingTrace } from "../../../testbed/viewing/viewing-trace.ts";
import { measureTraceBeside } from "../cost/cpu-beside.ts";
import { PRICES_AS_OF } from "../cost/published-prices.ts";
import { startRowMeter } from "../cost/row-meter.ts";
import { seedViewers } from "../cost/viewers.ts";
import { CANDIDATE, CANDIDATES, type CandidateName } from "./candidates.ts";
import { signInsFor } from "./sign-ins.ts";
import { reportsIn } from "./trace-calls.ts";
import { meterTrace, type TraceMetered } from "./trace-scenario.ts";
import { TRACE, traceTable } from "./trace-table.ts";
import { traceOf } from "./trace.ts";

/** Isolates that serve the traffic, of each worker. */
const PLACES = 4;
const QUOTED_IN = `${PROJECT_ROOT}docs/design/cost.md`;

/** Prints what a million reports of the trace cost, with us and with each other candidate. */
export async function priceOfTrace(viewers: number, writes: boolean): Promise<void> {
  const options = traceOf(viewers);
  const calls = viewingTrace(options);
  const [reports, minutes] = [reportsIn(calls), options.lengthMs / 60_000];
  console.log(
    `a trace of ${viewers} viewers for ${minutes} minutes: ${reports} reports in ${calls.length} calls, ` +
      `${((reports * 1_000) / options.lengthMs).toFixed(1)} reports/s on one shard; prices as of ${PRICES_AS_OF}\n`,
  );
  const [cpu, metered] = await Promise.all([measureTraceBeside(viewers), inVirtualTime(viewers)]);
  const table = traceTable(metered, cpu);
  console.log(`${table}\n`);
  if (writes) writeFileSync(QUOTED_IN, withTable(readFileSync(QUOTED_IN, "utf8"), TRACE, table));
}

async function inVirtualTime(viewers: number): Promise<Readonly<Record<CandidateName, TraceMetered>>> {
  // A timer that goes off makes an error, as in production, and nobody reads where it was made.
  Error.stackTraceLimit = 0;
  const options = traceOf(viewers);
  const rowMeter = await startRowMeter();
  const seeded = await seedViewers(makeSecrets(), viewers);
  const headersAt = await signInsFor(seeded, options.lengthMs);
  const scenario = { seeded, headersAt, rowMeter, places: PLACES, lengthMs: options.lengthMs };
  const metered: Partial<Record<CandidateName, TraceMetered>> = {};
  const calls = viewingTrace(options);
  for (const candidate of CANDIDATES) {
    metered[candidate] = await meterTrace(candidate, { ...scenario, calls }).catch((cause: unknown) => {
      throw new Error(`the trace could not be metered with ${CANDIDATE[candidate].name}`, { cause });
    });
  }
  await rowMeter.stop();
  return metered as Record<CandidateName, TraceMetered>;
}
