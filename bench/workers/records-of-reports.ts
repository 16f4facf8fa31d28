import type { Report } from "../../src/contracts/history.ts";
import { HybridClock } from "../../src/history/biz/hybrid-clock.ts";
import type { HistoryRecord } from "../../src/history/biz/record.ts";
import { ReportStamp } from "../../src/history/biz/report-stamp.ts";

const stamp = new ReportStamp({
  clock: new HybridClock(),
  now: Date.now,
  onBackgroundFailure: (what, error) => console.error(what, error),
});

/** What reports become, dated as shards date theirs. */
export function recordsOf(userId: string, reports: readonly Report[]): readonly HistoryRecord[] {
  const latestMs = stamp.latestMs();
  return reports.map((report) => stamp.stamp(userId, report, latestMs));
}
