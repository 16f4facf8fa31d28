import { RecentNames } from "../window/recent-names.ts";
import { RollingWindow } from "../window/rolling-window.ts";
import type { ReportPace } from "./report-turns.ts";
import type { BreakerReport } from "./shared-breaker-state.ts";
import { SteadyTime } from "../steady-time.ts";

/** Longer than the longest pace by a fifth: who reports late is not taken for gone. */
const MEMORY_MS = 110_000;
/** Over so long it counts those who know of no pace yet: a minute is not put out by one moment. */
const UNTOLD_MS = 60_000;
/** Paces that are heard of later are its own. */
const LISTENS_MS = 5_000;
const AFTER_MS_MIN = 1_000;
const AFTER_MS_MAX = 60_000;
/** Half of the window in which calls count. */
const QUIET_MS_MIN = 5_000;
const QUIET_MS_MAX = 90_000;
/**
 * What all reports together come to, however many isolates fail at once. Those who wait a random
 * time each bring up to six standard deviations more into one second: 186.
 */
const REPORTS_PER_SECOND = 120;
/** What is left to those who keep to turns, however many have not been told of them. */
const TURNS_PER_SECOND_MIN = 50;
/** What reports come to while all is well: they say little. */
const QUIET_REPORTS_PER_SECOND = 28;
/**
 * How much of a pace that is heard after a restart is believed: an object that sleeps between the
 * reports of the few who are left would else hold them to the pace of thousands for ever. A fifth
 * more reports for a while is what there is room for.
 */
const BELIEVED_PART = 0.8;
/** So few may report twice in a second, as soon as something happens. */
const FREE_REPORTERS = 70;
/** As soon as they must keep to turns these are longer than what isolates do by themselves. */
const TURN_MS_MIN = 1_500;

/**
 * How many isolates report to one shared breaker, and how soon they are to come again. It counts
 * whom it hears within 110 s, in the same memory however many they are. After a restart it knows
 * nobody: those who keep to a pace say so in its first seconds, and for 110 s it believes that they
 * are as many as that pace was for.
 */
export class ReporterCrowd {
  readonly #names = new RecentNames({ memoryMs: MEMORY_MS });
  readonly #untold = new RollingWindow({ windowMs: UNTOLD_MS, buckets: 12, events: ["report"] });
  readonly #time = new SteadyTime(MEMORY_MS);
  #bornAtMs: number | null = null;
  #believed = 0;

  /** Takes note of a report, and says how soon its sender is to come again. */
  hear(nowMs: number, { reporter, keptMs }: Pick<BreakerReport, "reporter" | "keptMs">): ReportPace {
    const atMs = this.#time.at(nowMs);
    this.#bornAtMs ??= atMs;
    this.#names.see(atMs, reporter);
    if (keptMs === undefined) this.#untold.add(atMs, "report");
    const ageMs = atMs - this.#bornAtMs;
    if (ageMs < LISTENS_MS && keptMs !== undefined)
      this.#believed = Math.max(
        this.#believed,
        (BELIEVED_PART * Math.min(keptMs, AFTER_MS_MAX) * REPORTS_PER_SECOND) / 1_000,
      );
    return this.#paceOf(atMs, Math.max(this.#names.count(atMs), ageMs < MEMORY_MS ? this.#believed : 0));
  }

  #paceOf(atMs: number, reporters: number): ReportPace {
    const quietMs = Math.ceil((reporters * 1_000) / QUIET_REPORTS_PER_SECOND);
    const quietAfterMs = Math.min(Math.max(quietMs, QUIET_MS_MIN), QUIET_MS_MAX);
    if (reporters <= FREE_REPORTERS) return { reportAfterMs: AFTER_MS_MIN, quietAfterMs };
    const untold = (this.#untold.sum(atMs, "report") * 1_000) / UNTOLD_MS;
    const turns = Math.max(REPORTS_PER_SECOND - untold, TURNS_PER_SECOND_MIN);
    const turnMs = Math.ceil((reporters * 1_000) / turns);
    const reportAfterMs = Math.min(Math.max(turnMs, TURN_MS_MIN), AFTER_MS_MAX);
    return { reportAfterMs, quietAfterMs };
  }
}
