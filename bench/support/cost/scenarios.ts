import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { meterHourWithoutUsers } from "./hour-without-users.ts";
import { meterIsolates } from "./isolates.ts";
import { meterReads, rowsOfColdViewer } from "./read-scenario.ts";
import { meterReports, type ReportsMetered } from "./report-scenario.ts";
import type { RowMeter } from "./row-meter.ts";
import { meterSignIns } from "./sign-in-scenario.ts";
import { meterTransfers } from "./transfer-scenario.ts";
import type { Seeded } from "./viewers.ts";

/**
 * Isolates that serve the traffic, of each worker: its price depends on them, since each tells
 * breakers and asks identity for itself. One for 50 requests/s.
 */
const PLACES = 4;
const OTHER_PLACES = [1, 20, 100] as const;
const READ_AT = 20;
const WRITE_THROUGH = `${PROJECT_ROOT}bench/workers/write-through-history.ts`;
/** It has no window that each record would have to see once. */
const WRITE_THROUGH_WATCHED_MS = 60_000;

/** What every scenario begins with. */
export interface ScenarioDeps {
  readonly seeded: Seeded;
  readonly rowMeter: RowMeter;
}

const reportsAt =
  (reportsPerSecond: number) =>
  (deps: ScenarioDeps): Promise<ReportsMetered> =>
    meterReports({ ...deps, places: PLACES, reportsPerSecond });

const few = ({ seeded: { secrets }, rowMeter }: ScenarioDeps) => ({ secrets, rowMeter, places: PLACES });

/** Everything that virtual time can tell: what takes longest comes first. */
export const SCENARIOS = {
  "report, 1/s a shard": reportsAt(1),
  "report, 20/s a shard": reportsAt(20),
  "report, 200/s a shard": reportsAt(200),
  isolates: ({ seeded, rowMeter }: ScenarioDeps) =>
    meterIsolates(seeded, rowMeter, { places: [PLACES, ...OTHER_PLACES] }),
  writeThrough: (deps: ScenarioDeps) =>
    meterReports({
      ...deps,
      places: PLACES,
      reportsPerSecond: READ_AT,
      watchMs: WRITE_THROUGH_WATCHED_MS,
      otherCode: { "playhead-history": WRITE_THROUGH },
    }),
  read: (deps: ScenarioDeps) => meterReads({ ...deps, places: PLACES, reportsPerSecond: READ_AT }),
  signIn: (deps: ScenarioDeps) => meterSignIns(few(deps)),
  transfer: (deps: ScenarioDeps) => meterTransfers(few(deps)),
  hour: ({ seeded: { secrets }, rowMeter }: ScenarioDeps) => meterHourWithoutUsers(secrets, rowMeter),
  coldRows: rowsOfColdViewer,
} as const;

export type ScenarioName = keyof typeof SCENARIOS;

/** What all of them have told, by name. */
export type AllMetered = {
  readonly [Name in ScenarioName]: Awaited<ReturnType<(typeof SCENARIOS)[Name]>>;
};
