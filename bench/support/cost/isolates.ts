import { meterReports } from "./report-scenario.ts";
import type { RowMeter } from "./row-meter.ts";
import type { Seeded } from "./viewers.ts";

/** Sums over a run as short as this would have each record flushed too often: only these count. */
const WATCH_MS = 20_000;
const REPORTS_PER_SECOND = 200;
/** What isolates cost beside the requests that they serve: each tells and asks for itself. */
const OF_ISOLATES = /^(?:BreakerState|RateWindow|HistoryMapping)\./;

export interface OfIsolates {
  readonly places: number;
  readonly requestsPerSecondEach: number;
  /** Calls of shared objects a report. */
  readonly objectCalls: number;
}

/** What the number of isolates does to the price: the same viewers, spread over more of them. */
export async function meterIsolates(
  seeded: Seeded,
  rowMeter: RowMeter,
  { places }: { readonly places: readonly number[] },
): Promise<readonly OfIsolates[]> {
  const results: OfIsolates[] = [];
  for (const count of places) {
    const { details } = await meterReports({
      seeded,
      rowMeter,
      reportsPerSecond: REPORTS_PER_SECOND,
      places: count,
      watchMs: WATCH_MS,
    });
    results.push({
      places: count,
      requestsPerSecondEach: seeded.viewers.length / 10 / count,
      objectCalls: details.reduce(
        (sum, [name, perReport]) => sum + (OF_ISOLATES.test(name) ? perReport : 0),
        0,
      ),
    });
  }
  return results;
}
