import { usagePerOne, type Usage } from "../../../testbed/cost/usage.ts";
import type { TraceRequest } from "../../../testbed/viewing/viewing-trace.ts";
import { Answers, countedBy } from "../cost/metered.ts";
import type { RowMeter } from "../cost/row-meter.ts";
import type { Seeded } from "../cost/viewers.ts";
import { VirtualPlatform } from "../cost/virtual-platform.ts";
import { CANDIDATE, type CandidateName } from "./candidates.ts";
import { CountedUpstash, type UpstashUsage } from "./counted-upstash.ts";
import type { HeadersAt } from "./sign-ins.ts";
import { reportsIn, sendCall } from "./trace-calls.ts";

/** Beyond the last window: the queue's batch, and a delivery that comes again. */
const DRAIN_MS = 60_000;
/** The trace is of the viewers of one. */
const SHARDS = "1";

export interface TraceMetered {
  /** Of one report. CPU time is not in it: virtual time has none. */
  readonly perReport: Usage;
  readonly upstashPerReport: UpstashUsage;
  /** Messages that were sent to a queue, for one report. */
  readonly messagesPerReport: number;
  readonly failures: number;
}

interface TraceScenario {
  readonly seeded: Seeded;
  readonly headersAt: HeadersAt;
  readonly rowMeter: RowMeter;
  readonly calls: readonly TraceRequest[];
  readonly lengthMs: number;
  readonly places: number;
}

/** Runs the trace through the platform with a candidate in the place of the history. */
export async function meterTrace(candidate: CandidateName, scenario: TraceScenario): Promise<TraceMetered> {
  const { seeded, headersAt, rowMeter, calls, lengthMs, places } = scenario;
  const { file } = CANDIDATE[candidate];
  const upstash = new CountedUpstash();
  const platform = await VirtualPlatform.start({
    secrets: seeded.secrets,
    places,
    after: seeded.past,
    vars: { HISTORY_SHARDS: SHARDS },
    internet: upstash.answer,
    ...(file === null ? {} : { otherCode: { "playhead-history": file } }),
  });
  const { stage, meters } = platform;
  const startMs = stage.time.now();
  const answers = new Answers();
  meters.start();
  for (const call of calls) {
    const headers = headersAt(call.viewer, call.sentAtMs);
    const sent = (): void =>
      void answers.note(stage.time.now, sendCall(platform, call, { headers, startMs }));
    stage.time.at(startMs + call.sentAtMs, sent);
  }
  const windowMs = platform.varOf("playhead-history", "FLUSH_WINDOW_MS");
  await stage.runUntil(startMs + lengthMs + windowMs + DRAIN_MS);
  meters.stop();
  answers.requireMostlyWell();
  requireAllWritten(platform, calls, answers.failures);
  const reports = reportsIn(calls);
  const { usage, details } = await countedBy(platform, rowMeter);
  const messages = details.find(([detail]) => detail === "writes of playhead-history-flush")?.[1] ?? 0;
  return {
    perReport: usagePerOne(usage, reports),
    upstashPerReport: {
      commands: upstash.usage.commands / reports,
      bytes: upstash.usage.bytes / reports,
    },
    messagesPerReport: messages / reports,
    failures: answers.failures,
  };
}

/** Throws where an item of a viewer isn't in D1: its price would be that of something else. */
function requireAllWritten(
  { databases }: VirtualPlatform,
  calls: readonly TraceRequest[],
  failures: number,
): void {
  const watched = new Set(
    calls.flatMap(({ viewer, reports }) => reports.map(({ itemId }) => `${viewer} ${itemId}`)),
  );
  const written = Array.from(databases)
    .filter(([name]) => name.startsWith("playhead-history-"))
    .flatMap(([, sql]) => sql.exec("SELECT count(*) AS rows FROM history WHERE deleted IS NULL", []))
    .reduce((sum, { rows }) => sum + Number(rows), 0);
  if (written > watched.size || written < watched.size - failures)
    throw new Error(`${written} of ${watched.size} watched items are in the databases`);
}
