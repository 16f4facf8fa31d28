import { AT_MS_MIN, type DatedReport, type Report } from "./history.ts";

/** A clock that is off by no more is right; one that is off by more is set in steps of as much. */
const STEP_MS = 5_000;

/**
 * Dates the reports of one call. What a client's clock said is corrected by how far that clock is
 * off: rounded towards the past, so that the time that a request needs makes nothing later, and in
 * whole steps, so that a call that comes again is dated alike. Nobody dates ahead. One time is for
 * all that bring none, so that among the reports on one item the last wins, as it was sent.
 */
export function dateReports(
  reports: readonly Report[],
  nowMs: number,
  sentAtMs: number | undefined,
): readonly DatedReport[] {
  const shiftMs = shiftOf(nowMs, sentAtMs);
  return reports.map((report) => {
    const { at: rawAt } = report;
    if (rawAt === undefined) return { ...report, at: nowMs };
    const at = Math.min(Math.max(rawAt + shiftMs, AT_MS_MIN), nowMs);
    return at === rawAt ? report : { ...report, at, rawAt };
  });
}

/** What the client's times are corrected by, in ms. */
function shiftOf(nowMs: number, sentAtMs = nowMs): number {
  const offMs = nowMs - sentAtMs;
  return Math.abs(offMs) > STEP_MS ? Math.floor(offMs / STEP_MS) * STEP_MS : 0;
}
