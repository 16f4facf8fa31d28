import type { ShardCall } from "../../../src/history/biz/ports.ts";
import { ReportGatherer } from "../../../src/history/biz/report-gatherer.ts";

/** What gathers reports for shards that are called so, where no request is ever dropped. */
export function gathererOver(callShard: ShardCall, now: () => number = Date.now): ReportGatherer {
  return new ReportGatherer({
    callShard,
    now,
    schedule: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    keep: () => undefined,
  });
}
