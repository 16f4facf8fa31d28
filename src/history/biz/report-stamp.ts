import type { DatedReport } from "../../contracts/history.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { HybridClock } from "./hybrid-clock.ts";
import { knownDuration, RAW_AT_MS_MAX, type HistoryRecord } from "./record.ts";

interface ReportStampDeps {
  readonly clock: HybridClock;
  readonly now: Clock;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

/**
 * The bound that the hybrid clock's paper puts on its distance from the wall. Farther ahead it is
 * wrong, in ms.
 */
const DRIFT_MS_MAX = 60_000;
const TOLD_EVERY_MS = 60_000;

/**
 * Dates reports. Where the wall clock is a little behind what it said before, over a restart for
 * example, new reports are not dated before those that were acknowledged. Where it is far behind,
 * one of the two was wrong: reports are dated by the wall, so that one bad reading doesn't date
 * everything ahead for as long as it was ahead, and operators are told.
 */
export class ReportStamp {
  readonly #deps: ReportStampDeps;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: ReportStampDeps) {
    this.#deps = deps;
  }

  /** The time that reports which come in now are dated by at the latest, in ms. */
  latestMs(): number {
    const nowMs = this.#deps.now();
    const driftMs = this.#deps.clock.driftMs(nowMs);
    if (driftMs <= DRIFT_MS_MAX) return nowMs + driftMs;
    if (Math.abs(nowMs - this.#toldAtMs) >= TOLD_EVERY_MS) {
      this.#toldAtMs = nowMs;
      this.#deps.onBackgroundFailure(
        "date reports",
        new Error(`the logical clock is ${Math.round(driftMs)} ms ahead of the wall`),
      );
    }
    return nowMs;
  }

  /** The record that a report becomes. Each is later than all before it. */
  stamp(userId: string, report: DatedReport, latestMs: number): HistoryRecord {
    const atMs = Math.min(report.at ?? latestMs, latestMs);
    const rawAtMs = Math.min(report.rawAt ?? report.at ?? atMs, RAW_AT_MS_MAX);
    return {
      userId,
      kind: report.kind,
      itemId: report.itemId,
      positionMs: report.positionMs,
      durationMs: knownDuration({ durationMs: report.durationMs ?? null }),
      event: report.event,
      deviceId: report.deviceId ?? null,
      atMs,
      rev: this.#deps.clock.tick(latestMs),
      rawAtMs: rawAtMs === atMs ? null : rawAtMs,
      watched: null,
      dismissed: false,
      deleted: false,
    };
  }
}
