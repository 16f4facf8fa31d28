import { randomUUID } from "node:crypto";
import { startSqlMeter } from "../measured-platforms.ts";
import type { RecordedUnit } from "./recorded-sql.ts";

/** Rows as the platform bills them: scanned ones are read, whether or not they are answered. */
export interface BilledRows {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** The runtime's own meters: what they count is what production bills. */
export interface RowMeter {
  /**
   * Runs again what a database was asked, in one that the runtime meters, and adds up what counts.
   * D1 and the objects' SQLite are one engine, and bill alike.
   */
  readonly rowsOf: (units: readonly RecordedUnit[]) => Promise<BilledRows>;
}

/** One that is stopped by whoever has started it; others may use it, too. */
export interface RunningRowMeter extends RowMeter {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

const UNITS_PER_CALL = 2_000;

export async function startRowMeter(): Promise<RunningRowMeter> {
  const { url, stop } = await startSqlMeter();
  return { url, stop, ...rowMeterAt(url) };
}

/** One that runs already. */
export function rowMeterAt(url: string): RowMeter {
  return {
    async rowsOf(units) {
      const database = `${url}/${randomUUID()}`;
      const sum = { rowsRead: 0, rowsWritten: 0 };
      for (let from = 0; from < units.length; from += UNITS_PER_CALL) {
        const body = JSON.stringify(units.slice(from, from + UNITS_PER_CALL));
        const response = await fetch(database, { method: "POST", body });
        if (!response.ok)
          throw new Error(`metering SQL answered ${response.status}: ${await response.text()}`);
        const { rowsRead, rowsWritten } = (await response.json()) as BilledRows;
        sum.rowsRead += rowsRead;
        sum.rowsWritten += rowsWritten;
      }
      return sum;
    },
  };
}
