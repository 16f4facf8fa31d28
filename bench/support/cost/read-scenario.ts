import { d1HistoryWriter } from "../../../src/history/data/d1-history-writer.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { readContinue, report } from "./clients.ts";
import { Answers, meteredOf, type Metered } from "./metered.ts";
import { shardsOf } from "./report-scenario.ts";
import type { RowMeter } from "./row-meter.ts";
import { inTurns, type Seeded } from "./viewers.ts";
import { virtualD1 } from "./virtual-d1.ts";
import { VirtualPlatform } from "./virtual-platform.ts";

/** A viewer looks at what to continue twice a minute. */
const EVERY_MS = 30_000;
const WATCHED_MS = 60_000;
const AFTERWARDS_MS = 5_000;
export const COLD_ENTRIES = 1_000;

interface ReadScenario {
  readonly seeded: Seeded;
  readonly rowMeter: RowMeter;
  /** Of a shard, where those who read also report: how many shards there are follows from it. */
  readonly reportsPerSecond: number;
  readonly places: number;
}

/** Reads of "continue" by viewers who have reported something before, from their shards' memory. */
export async function meterReads(scenario: ReadScenario): Promise<Metered> {
  const { seeded, rowMeter, reportsPerSecond, places } = scenario;
  const { viewers, secrets } = seeded;
  const vars = { HISTORY_SHARDS: String(shardsOf(viewers.length, reportsPerSecond)) };
  const platform = await VirtualPlatform.start({ secrets, places, vars, after: seeded.past });
  const { stage, meters } = platform;
  await inTurns(platform, viewers, async ({ number, headers }) => {
    await report(platform, number, headers, 1_000);
    await readContinue(platform, number, headers);
  });
  const startMs = stage.time.now();
  const answers = new Answers();
  meters.start();
  for (const { number, headers } of viewers) {
    const read = (): void => {
      void answers.note(stage.time.now, readContinue(platform, number, headers));
      if (stage.time.now() + EVERY_MS < startMs + WATCHED_MS) stage.time.after(EVERY_MS, read);
    };
    stage.time.at(startMs + (number * EVERY_MS) / viewers.length, read);
  }
  await stage.runUntil(startMs + WATCHED_MS + AFTERWARDS_MS);
  meters.stop();
  return meteredOf(platform, answers, rowMeter);
}

/**
 * D1 rows that are read when somebody with {@link COLD_ENTRIES} entries, of whom the shard knows
 * nothing, asks what to continue.
 */
export async function rowsOfColdViewer({
  seeded,
  rowMeter,
}: Pick<ReadScenario, "seeded" | "rowMeter">): Promise<number> {
  const { viewers, secrets } = seeded;
  const platform = await VirtualPlatform.start({ secrets, places: 1, after: seeded.past });
  const { stage, meters, databases } = platform;
  const [viewer] = viewers;
  if (viewer === undefined) throw new Error("there is no viewer");
  for (const [name, sql] of databases) {
    // In whichever of them the viewer's bucket lies.
    if (!name.startsWith("playhead-history-")) continue;
    const writer = d1HistoryWriter(
      virtualD1(sql, async (run) => run()),
      stage.time.now,
    );
    await writer.upsert(recordsOf(viewer.userId, stage.time.now()));
  }
  const answers = new Answers();
  meters.start();
  const { number, headers } = viewer;
  await stage.until(answers.note(stage.time.now, readContinue(platform, number, headers)));
  meters.stop();
  return (await meteredOf(platform, answers, rowMeter)).perOne.d1RowsRead;
}

function recordsOf(userId: string, nowMs: number): HistoryRecord[] {
  const record = {
    userId,
    kind: "video",
    positionMs: 1_000,
    durationMs: null,
    event: "playing",
    deviceId: null,
    rawAtMs: null,
    watched: null,
    dismissed: false,
    deleted: false,
  } as const;
  return Array.from({ length: COLD_ENTRIES }, (_, index) => ({
    ...record,
    itemId: `item-${index}`,
    atMs: nowMs - index,
    rev: index + 1,
  }));
}
