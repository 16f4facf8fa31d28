import {
  comparePositions,
  knownDuration,
  rawAtOf,
  type HistoryRecord,
} from "../../../src/history/biz/record.ts";
import { admits } from "../../../src/history/biz/user-state.ts";
import type { HistoryModel } from "./history-model.ts";

/*
 * The rules of biz/judge-report.ts and of a pause, written once more and without looking at it: why
 * a report that was acknowledged may have changed nothing.
 */

const OWN_ORDER_MS = 60_000;
const SAME_PLACE_MS = 5_000;
const END_MS = 10_000;
/** The share of its duration from which on an item is watched, in these worlds. */
export const FINISHED_AT = 0.95;

/** Whether a report may have changed nothing, as it was dated at one of its tries. */
export function mayHaveLost(model: HistoryModel, report: HistoryRecord): boolean {
  const { state, items } = model.user(report.userId);
  if (!admits(state, report)) return true;
  const states = items.get(`${report.kind}/${report.itemId}`)?.states ?? [];
  return states.some((winner) => beats(winner, report));
}

/** Whether a report is ignored for a pause: one that was on, or one that its time is in. */
export function mayBePaused(model: HistoryModel, report: HistoryRecord, sinceMs: number): boolean {
  const { pauses, settings } = model.user(report.userId);
  const wasOn = settings.some(
    ({ paused }, place) => paused && (settings[place + 1]?.atMs ?? Number.POSITIVE_INFINITY) >= sinceMs,
  );
  return wasOn || pauses.some((pause) => isWithin(report.atMs, pause));
}

/** Whether a time is within a pause that is over. */
export function isWithin(
  atMs: number,
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number | null },
): boolean {
  return untilMs !== null && atMs >= fromMs && atMs < untilMs;
}

function beats(winner: HistoryRecord, report: HistoryRecord): boolean {
  if (comparePositions(winner, report) > 0) return true;
  if (isSame(winner, report)) return true;
  const behindMs = rawAtOf(winner) - rawAtOf(report);
  const isOfOneDevice = report.deviceId !== null && report.deviceId === winner.deviceId;
  return (isOfOneDevice && behindMs > 0 && behindMs <= OWN_ORDER_MS) || isAfterItsEnd(winner, report);
}

function isSame(one: HistoryRecord, other: HistoryRecord): boolean {
  return (
    rawAtOf(one) === rawAtOf(other) &&
    one.deviceId === other.deviceId &&
    one.positionMs === other.positionMs &&
    one.event === other.event
  );
}

function isAfterItsEnd(ended: HistoryRecord, report: HistoryRecord): boolean {
  if (ended.deleted || ended.watched !== null || report.event === "ended") return false;
  if (Math.abs(report.positionMs - ended.positionMs) > SAME_PLACE_MS) return false;
  if (ended.event === "ended") return true;
  const durationMs = knownDuration(ended);
  const isNear = durationMs !== null && durationMs - report.positionMs <= END_MS;
  return isNear && ended.positionMs >= FINISHED_AT * (durationMs ?? 0);
}
