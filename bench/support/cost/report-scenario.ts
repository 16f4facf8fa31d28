import type { Confirmation } from "../../../src/history/biz/record.ts";
import { report } from "./clients.ts";
import { Answers, meteredOf, type Metered } from "./metered.ts";
import type { RowMeter } from "./row-meter.ts";
import type { Seeded } from "./viewers.ts";
import { VirtualPlatform } from "./virtual-platform.ts";

const HEARTBEAT_MS = 10_000;
/** Beyond the last window: the queue's batch, and a delivery that comes again. */
const DRAIN_MS = 60_000;

export interface ReportsMetered extends Metered {
  /** From a viewer's first report that isn't in D1 to D1 holding it, beyond the window, in ms. */
  readonly flushLagP99Ms: number | null;
}

interface ReportScenario {
  readonly seeded: Seeded;
  readonly rowMeter: RowMeter;
  /** Of one shard; how many there are follows from the viewers. */
  readonly reportsPerSecond: number;
  readonly places: number;
  readonly otherCode?: Readonly<Record<string, string>>;
  /** For how long viewers watch; a window if absent, so that each record is flushed once. */
  readonly watchMs?: number;
}

/** How many shards there are where each gets so many of the viewers' reports a second. */
export function shardsOf(viewers: number, reportsPerSecond: number): number {
  return Math.max(1, Math.round((viewers * 1_000) / HEARTBEAT_MS / reportsPerSecond));
}

/**
 * Players that send a heartbeat every ten seconds, over HTTP, and go on until what they have sent
 * is in D1: a price without the last window's rows would be too low.
 */
export async function meterReports(scenario: ReportScenario): Promise<ReportsMetered> {
  const { seeded, rowMeter, reportsPerSecond, places, otherCode } = scenario;
  const { viewers, secrets } = seeded;
  const shards = shardsOf(viewers.length, reportsPerSecond);
  const lags = new FlushLags();
  const platform = await VirtualPlatform.start({
    secrets,
    places,
    after: seeded.past,
    vars: { HISTORY_SHARDS: String(shards) },
    ...(otherCode === undefined ? {} : { otherCode }),
    onCall: (className, method, [given]) => {
      if (className === "HistoryShard" && method === "confirm")
        lags.confirmed(given as readonly Confirmation[], platform.stage.time.now());
    },
  });
  const { stage, meters } = platform;
  const windowMs = platform.varOf("playhead-history", "FLUSH_WINDOW_MS");
  const endMs = stage.time.now() + (scenario.watchMs ?? windowMs);
  const answers = new Answers();
  const startMs = stage.time.now();
  meters.start();
  for (const { number, userId, headers } of viewers) {
    const beat = (): void => {
      lags.reported(userId, stage.time.now());
      const positionMs = stage.time.now() - startMs;
      void answers.note(stage.time.now, report(platform, number, headers, positionMs));
      if (stage.time.now() + HEARTBEAT_MS < endMs) stage.time.after(HEARTBEAT_MS, beat);
    };
    stage.time.at(startMs + (number * HEARTBEAT_MS) / viewers.length, beat);
  }
  await stage.runUntil(endMs + windowMs + DRAIN_MS);
  meters.stop();
  return { ...(await meteredOf(platform, answers, rowMeter)), flushLagP99Ms: lags.p99Ms(windowMs) };
}

/** How long records wait for their flush. */
class FlushLags {
  readonly #firstAtMs = new Map<string, number>();
  readonly #waitedMs: number[] = [];

  reported(userId: string, nowMs: number): void {
    if (!this.#firstAtMs.has(userId)) this.#firstAtMs.set(userId, nowMs);
  }

  confirmed(confirmations: readonly Confirmation[], nowMs: number): void {
    for (const { userId } of confirmations) {
      const sinceMs = this.#firstAtMs.get(userId);
      if (sinceMs !== undefined) this.#waitedMs.push(nowMs - sinceMs);
      this.#firstAtMs.delete(userId);
    }
  }

  /** Null where nothing was flushed. */
  p99Ms(windowMs: number): number | null {
    const sorted = this.#waitedMs.toSorted((a, b) => a - b);
    const waitedMs = sorted[Math.floor(sorted.length * 0.99)];
    return waitedMs === undefined ? null : waitedMs - windowMs;
  }
}
