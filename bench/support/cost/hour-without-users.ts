import { Cron } from "croner";
import { report, signIn, signUp } from "./clients.ts";
import { countedBy, type Counted } from "./metered.ts";
import type { RowMeter } from "./row-meter.ts";
import { inTurns } from "./viewers.ts";
import { VirtualPlatform } from "./virtual-platform.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** After the last user has gone: the longest windows empty, records are flushed. */
const SETTLED_MS = 24 * HOUR_MS;
/** What a cron has started beside itself is over by then. */
const AFTER_CRONS_MS = 10_000;

export interface HourMetered extends Counted {
  /** Calls and alarms of objects while no cron was at work: nobody has asked for them. */
  readonly outsideOfCrons: number;
}

/** An hour in which nobody comes, after somebody was there: what crons do, and nothing else. */
export async function meterHourWithoutUsers(
  secrets: Readonly<Record<string, string>>,
  rowMeter: RowMeter,
): Promise<HourMetered> {
  const platform = await VirtualPlatform.start({ secrets, places: 1 });
  const { stage, meters } = platform;
  await someoneWatches(platform);
  await stage.runUntil(stage.time.now() + SETTLED_MS);
  const crons = platform.crons.map(({ worker, cron }) => ({
    worker,
    cron,
    times: new Cron(cron, { paused: true }),
  }));
  let outsideOfCrons = 0;
  // What a day has left to be done is no part of an hour.
  for (const { worker, cron } of crons) await stage.until(platform.fireCron(worker, cron));
  await stage.runUntil(stage.time.now() + AFTER_CRONS_MS);
  meters.start();
  // From a minute's beginning: then the first crons come with the hour.
  const startMs = Math.ceil(stage.time.now() / MINUTE_MS) * MINUTE_MS;
  for (let minuteMs = startMs; minuteMs < startMs + HOUR_MS; minuteMs += MINUTE_MS) {
    const before = meters.usage.objectRequests;
    await stage.runUntil(minuteMs);
    outsideOfCrons += meters.usage.objectRequests - before;
    for (const { worker, cron, times } of crons) {
      const nextMs = times.nextRun(new Date(minuteMs - 1))?.getTime();
      if (nextMs === minuteMs) await stage.until(platform.fireCron(worker, cron));
    }
    await stage.runUntil(stage.time.now() + AFTER_CRONS_MS);
  }
  meters.stop();
  return { ...(await countedBy(platform, rowMeter)), outsideOfCrons };
}

/** So that there is something that could go on being busy. */
async function someoneWatches(platform: VirtualPlatform): Promise<void> {
  await inTurns(platform, [0, 1, 2, 3], async (number) => {
    await signUp(platform, number);
    await report(platform, number, await signIn(platform, number), 1_000);
  });
}
