import type { DatedReport } from "../../contracts/history.ts";
import { HybridClock } from "./hybrid-clock.ts";
import { comparePositions, type HistoryRecord } from "./record.ts";

/**
 * What is younger is no late report, in ms: whatever could win over it came in since, and is in
 * memory. Of an older one D1 may know better.
 */
export const LATE_MS = 15_000;

/** Whether a report comes in late. */
export function isLate({ at }: DatedReport, nowMs: number): boolean {
  return at !== undefined && at < nowMs - LATE_MS;
}

/**
 * Whether its client dates it ahead: dated now whenever it comes, it may be the same again as one
 * that has long been written back.
 */
export function isAhead({ at, rawAt = at }: DatedReport, nowMs: number): boolean {
  return rawAt !== undefined && rawAt > nowMs + LATE_MS;
}

/** Whether a record came in late, by its revision, which says when that was. */
export function wasLate({ atMs, rev }: HistoryRecord): boolean {
  return HybridClock.wallMsOf(rev) - atMs > LATE_MS;
}

/** The newest of the states of an item that are known in several places. */
export function newestOf(...states: readonly (HistoryRecord | undefined)[]): HistoryRecord | undefined {
  let newest: HistoryRecord | undefined;
  for (const state of states)
    if (state !== undefined && (newest === undefined || comparePositions(state, newest) > 0)) newest = state;
  return newest;
}
