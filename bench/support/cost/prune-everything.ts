import type { VirtualPlatform } from "./virtual-platform.ts";

const DAY_MS = 86_400_000;
/** Nothing is kept for longer: refused records of the history are for 90. */
const DAYS = 100;
/** Between two runs of the crons. */
const STEP_DAYS = 10;
/** A run prunes a bounded number of rows. */
const RUNS_A_STEP = 3;

/** Lets so much time pass that the crons of these workers have deleted all they ever will. */
export async function pruneEverything(platform: VirtualPlatform, workers: readonly string[]): Promise<void> {
  const { stage } = platform;
  const crons = platform.crons.filter(({ worker }) => workers.includes(worker));
  for (let day = 0; day < DAYS; day += STEP_DAYS) {
    await stage.runUntil(stage.time.now() + STEP_DAYS * DAY_MS);
    for (let run = 0; run < RUNS_A_STEP; run += 1)
      for (const { worker, cron } of crons) await stage.until(platform.fireCron(worker, cron));
  }
}
