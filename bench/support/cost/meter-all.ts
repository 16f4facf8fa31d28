import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { ChildProcess } from "./child-process.ts";
import { startRowMeter } from "./row-meter.ts";
import type { ScenarioQuestion } from "./scenario-process.ts";
import { SCENARIOS, type AllMetered, type ScenarioName } from "./scenarios.ts";
import { seedViewers } from "./viewers.ts";

/** Processes at once: as many as the machines have cores that this is run on. */
const PROCESSES = 2;
/** CPU time is measured beside them, with requests at a pace: these can wait, those can't. */
const NICENESS = 10;

/** Runs all scenarios, each process taking the next one as soon as it is free. */
export async function meterAll(
  secrets: Readonly<Record<string, string>>,
  viewers: number,
): Promise<AllMetered> {
  const seeded = await seedViewers(secrets, viewers);
  const rowMeter = await startRowMeter();
  const given = { seeded, rowMeterUrl: rowMeter.url };
  const left = Object.keys(SCENARIOS) as ScenarioName[];
  const metered = new Map<ScenarioName, unknown>();
  const takeTurns = async (): Promise<void> => {
    const child = new ChildProcess(`${PROJECT_ROOT}bench/support/cost/scenario-process.ts`, NICENESS);
    try {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        process.stderr.write(`metering: ${name} …\n`);
        const question: ScenarioQuestion = { name, ...given };
        const answer = await child.ask(question).catch((cause: unknown) => {
          throw new Error(`metering ${name} failed`, { cause });
        });
        metered.set(name, answer);
      }
    } finally {
      child.end();
    }
  };
  try {
    await Promise.all(Array.from({ length: PROCESSES }, takeTurns));
  } finally {
    await rowMeter.stop();
  }
  return Object.fromEntries(metered) as AllMetered;
}
