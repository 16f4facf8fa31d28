import type { DatedReport, ReportReceipt } from "../../../src/contracts/history.ts";
import { comparePositions, itemName, type HistoryRecord } from "../../../src/history/biz/record.ts";
import { admits } from "../../../src/history/biz/user-state.ts";
import { mayBePaused, mayHaveLost } from "./history-losing.ts";
import { durableRecordOf, mayLackDuration } from "./history-invariants.ts";
import type { HistoryWorld } from "./history-world.ts";

/** When a report was sent first, and what the user's version was at its last try. */
interface Since {
  readonly sinceMs: number;
  readonly version: number;
}

/**
 * What is acknowledged is durable, or has lost by the rules; who has lost is told to whom, unless
 * something has happened meanwhile.
 */
export function checkReceipt(
  world: HistoryWorld,
  userId: string,
  reports: readonly DatedReport[],
  receipt: ReportReceipt,
  since: Since,
): void {
  const { model, counters, hold } = world;
  const { erasure } = model.user(userId);
  const { accepted, ignored } = receipt;
  hold(accepted + ignored === reports.length, `${userId}: each report is accepted or ignored`);
  if (erasure !== "none") return counters.note("report of an erased user ignored", ignored);
  counters.note("report acknowledged", accepted);
  counters.note("report ignored for a pause", ignored);
  let paused = 0;
  for (const report of reports) {
    const stamps = model.stampsOf(report.positionMs);
    const isPaused = stamps.some((stamp) => mayBePaused(model, stamp, since.sinceMs));
    if (isPaused) paused += 1;
    const durable = model.reportAt(report.positionMs);
    const hasLost = stamps.some((stamp) => mayHaveLost(model, stamp));
    hold(durable !== undefined || hasLost || isPaused, `${userId}: what is acknowledged is durable`);
    if (durable === undefined) countLost(world, userId, report, stamps);
    // What was cleared or trimmed says nothing any more, whatever else is known of its item.
    const isOut = stamps.some((stamp) => !admits(model.user(userId).state, stamp));
    if (!isOut && !isPaused) checkDuration(world, userId, report, durable);
  }
  hold(ignored <= paused, `${userId}: only reports of a pause or of erased users are ignored`);
  checkSuperseded(world, userId, reports, receipt, since);
}

function countLost(
  { model, counters }: HistoryWorld,
  userId: string,
  report: DatedReport,
  stamps: readonly HistoryRecord[],
): void {
  counters.note("report lost to a newer state");
  const { items, state } = model.user(userId);
  const last = stamps.at(-1);
  if (last === undefined) return;
  const cleared = state?.cleared ?? null;
  if (cleared !== null && comparePositions(last, cleared) <= 0) counters.note("late report met a clear");
  const states = items.get(itemName(report))?.states ?? [];
  if (states.some((winner) => winner.deleted && comparePositions(winner, last) > 0))
    counters.note("late report met a deletion");
}

function checkDuration(
  world: HistoryWorld,
  userId: string,
  { kind, itemId, durationMs = 0 }: DatedReport,
  durable: HistoryRecord | undefined,
): void {
  if (durationMs === 0) return;
  const item = world.model.item({ userId, kind, itemId });
  const isGone =
    item === undefined || item.record.deleted || !admits(world.model.user(userId).state, item.record);
  world.hold(
    durable?.durationMs === durationMs ||
      isGone ||
      mayLackDuration(world, item.record) ||
      item.record.durationMs === durationMs,
    `${userId}: and so is its duration`,
  );
}

function checkSuperseded(
  world: HistoryWorld,
  userId: string,
  reports: readonly DatedReport[],
  { superseded = [] }: ReportReceipt,
  { sinceMs, version }: Since,
): void {
  const { model, counters, hold, redis } = world;
  const byName = new Map(superseded.map((entry) => [itemName(entry), entry]));
  hold(byName.size === superseded.length, `${userId}: each item is told to have won once`);
  for (const entry of superseded) {
    counters.note("loser told who has won");
    // Of several states of one commit Redis keeps the newest alone.
    const isOvertaken = redis !== null && (model.winner({ ...entry, userId })?.atMs ?? 0) >= entry.watchedAt;
    hold(
      reports.some((report) => itemName(report) === itemName(entry)) &&
        (isOvertaken || durableRecordOf(world, userId, entry) !== undefined),
      `${userId} ${itemName(entry)}: who is told to have won is durable`,
    );
  }
  const { state, version: versionNow } = model.user(userId);
  if (versionNow !== version) return;
  for (const [name, ofItem] of Map.groupBy(reports, itemName)) {
    const stamp = model.stampsOf(ofItem.at(-1)?.positionMs ?? 0).at(-1);
    const winner = stamp === undefined ? undefined : model.winner(stamp);
    if (stamp === undefined || winner === undefined || winner.deleted || !admits(state, winner)) continue;
    if (!admits(state, stamp) || mayBePaused(model, stamp, sinceMs)) continue;
    if (comparePositions(winner, stamp) < 0 || model.item(stamp)?.mayBeLost === true) continue;
    // Where D1 alone knows the winner and could not be asked, it has lost to what is known, and by
    // the rules that tell nothing.
    const states = model.item(stamp)?.states ?? [];
    const mayBeQuiet = states.some(
      (state) => state.deleted || Math.abs(state.positionMs - stamp.positionMs) <= 5_000,
    );
    if (mayBeQuiet) continue;
    hold(byName.has(name), `${userId} ${name}: who has lost is told who has won`);
  }
}
