/* Runs scenarios of virtual time in a process of its own: a machine has more than one core. */
import { rowMeterAt } from "./row-meter.ts";
import { answering } from "./child-process.ts";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import type { Seeded } from "./viewers.ts";

/** What one of these processes is asked. */
export interface ScenarioQuestion {
  readonly name: ScenarioName;
  readonly seeded: Seeded;
  /** Where the row meter runs. */
  readonly rowMeterUrl: string;
}

// A timer that goes off makes an error, as in production, and nobody reads where it was made.
Error.stackTraceLimit = 0;
answering(({ name, seeded, rowMeterUrl }: ScenarioQuestion): Promise<unknown> =>
  SCENARIOS[name]({ seeded, rowMeter: rowMeterAt(rowMeterUrl) }),
);
