import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { meterHourWithoutUsers, type HourMetered } from "./hour-without-users.ts";
import { meterIsolates, type OfIsolates } from "./isolates.ts";
import type { Metered } from "./metered.ts";
import { meterReads, rowsOfColdViewer } from "./read-scenario.ts";
import { meterReports, type ReportsMetered } from "./report-scenario.ts";
import { startRowMeter } from "./row-meter.ts";
import { meterSignIns } from "./sign-in-scenario.ts";
import type { Named } from "./tables.ts";
import { meterTransfers } from "./transfer-scenario.ts";
import { seedViewers } from "./viewers.ts";

/** Reports a second of one shard. */
const RATES = [1, 20, 200] as const;
const READ_AT = 20;
/**
 * Isolates that serve the traffic, of each worker: its price depends on them, since each tells
 * breakers and asks identity for itself. One for 50 requests/s.
 */
const PLACES = 4;
const OTHER_PLACES = [1, 20, 100] as const;
const WRITE_THROUGH = `${PROJECT_ROOT}bench/workers/write-through-history.ts`;
/** It has no window that each record would have to see once. */
const WRITE_THROUGH_WATCHED_MS = 60_000;

export interface AllMetered {
  readonly reports: readonly Named<ReportsMetered>[];
  readonly writeThrough: Metered;
  readonly read: Metered;
  readonly signIn: Metered;
  readonly transfer: Metered;
  readonly coldRows: number;
  readonly hour: HourMetered;
  readonly isolates: readonly OfIsolates[];
}

/** The column of a rate, in all tables. */
const nameOfRate = (reportsPerSecond: number): string => `report, ${reportsPerSecond}/s a shard`;

/** A line on its way, since minutes may pass. */
function progress(what: string): void {
  process.stderr.write(`metering: ${what} …\n`);
}

/** Everything that virtual time can tell, one after the other. */
export async function meterAll(
  secrets: Readonly<Record<string, string>>,
  viewers: number,
): Promise<AllMetered> {
  const rowMeter = await startRowMeter();
  const seeded = await seedViewers(secrets, viewers);
  const crowd = { seeded, rowMeter, places: PLACES };
  const few = { secrets, rowMeter, places: PLACES };
  const reports: Named<ReportsMetered>[] = [];
  for (const reportsPerSecond of RATES) {
    const name = nameOfRate(reportsPerSecond);
    progress(name);
    reports.push({ name, metered: await meterReports({ ...crowd, reportsPerSecond }) });
  }
  progress("all else");
  const all: AllMetered = {
    reports,
    writeThrough: await meterReports({
      ...crowd,
      reportsPerSecond: READ_AT,
      watchMs: WRITE_THROUGH_WATCHED_MS,
      otherCode: { "playhead-history": WRITE_THROUGH },
    }),
    read: await meterReads({ ...crowd, reportsPerSecond: READ_AT }),
    coldRows: await rowsOfColdViewer({ seeded, rowMeter }),
    signIn: await meterSignIns(few),
    transfer: await meterTransfers(few),
    hour: await meterHourWithoutUsers(secrets, rowMeter),
    isolates: await meterIsolates(seeded, rowMeter, { places: [PLACES, ...OTHER_PLACES] }),
  };
  await rowMeter.stop();
  return all;
}
