import { comparePositions, knownDuration, mergeRecords, rawAtOf, type HistoryRecord } from "./record.ts";
import type { WatchRules } from "./watch-rules.ts";

/** What becomes of a report, given what is known of its item. */
export interface Verdict {
  /** What is to be written down: the report itself, or the known record with its duration. */
  readonly put?: HistoryRecord;
  /** The record that won over the report. */
  readonly wonBy?: HistoryRecord;
}

/**
 * One device's reports are in the order of its own clock, unless that was set back by more than
 * this, in ms: however they are dated, one that is sent again is none that came later.
 */
const OWN_ORDER_MS = 60_000;
/** Players save once more after the end: how near it, and how near the place before, in ms. */
const END_MS = 10_000;
const SAME_PLACE_MS = 5_000;

const NOTHING: Verdict = {};

/**
 * Judges a report against the newest state of its item that is known. Of two the later in (at, rev)
 * stands; but the same report again, and a player's last word after the end, change nothing.
 *
 * @param report - as the record that it would become
 */
export function judgeReport(
  known: HistoryRecord | undefined,
  report: HistoryRecord,
  rules: WatchRules,
): Verdict {
  if (known === undefined) return { put: report };
  if (isSameReport(known, report)) return completed(known, report);
  if (comparePositions(report, known) < 0 || isOlderOfItsDevice(report, known))
    return { ...completed(known, report), ...(known.deleted ? NOTHING : { wonBy: known }) };
  // What is known of the duration is written down with it: its row may be the only one there is.
  return isAfterTheEnd(known, report, rules)
    ? completed(known, report)
    : { put: mergeRecords(report, known) };
}

function isSameReport(known: HistoryRecord, report: HistoryRecord): boolean {
  return (
    rawAtOf(known) === rawAtOf(report) &&
    known.deviceId === report.deviceId &&
    known.positionMs === report.positionMs &&
    known.event === report.event
  );
}

function isOlderOfItsDevice(report: HistoryRecord, known: HistoryRecord): boolean {
  if (report.deviceId === null || report.deviceId !== known.deviceId) return false;
  const behindMs = rawAtOf(known) - rawAtOf(report);
  return behindMs > 0 && behindMs <= OWN_ORDER_MS;
}

/** It knows a duration that the known record doesn't. */
function completed(known: HistoryRecord, report: HistoryRecord): Verdict {
  const durationMs = knownDuration(report);
  if (known.deleted || durationMs === null || knownDuration(known) !== null) return NOTHING;
  return { put: { ...known, durationMs, rev: report.rev } };
}

/**
 * Whether a report says no more than that the player is still where it has ended: taken for a new
 * beginning it would bring a finished item back.
 */
function isAfterTheEnd(known: HistoryRecord, report: HistoryRecord, rules: WatchRules): boolean {
  if (known.deleted || known.watched !== null || !rules.isWatched(known)) return false;
  const durationMs = knownDuration(report) ?? knownDuration(known);
  if (rules.isWatched({ ...report, durationMs })) return false;
  if (Math.abs(report.positionMs - known.positionMs) > SAME_PLACE_MS) return false;
  return known.event === "ended" || (durationMs !== null && durationMs - report.positionMs <= END_MS);
}
