import type { BusStatus } from "../../contracts/history.ts";
import { isCode } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { BusReader } from "./bus-reader.ts";
import type { PullerAlarm } from "./ports.ts";

interface BusPullerDeps {
  /** Absent: `main`. */
  readonly cell?: string;
  readonly partition: number;
  /** Null where Kafka is not the bus: then there is nothing to be read. */
  readonly reader: Pick<BusReader, "run" | "lag" | "late"> | null;
  readonly alarm: PullerAlarm;
  readonly now: Clock;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

/** An alarm that is overdue by more is taken for lost, in ms. */
const ALARM_LOST_MS = 10_000;
/** After a run that failed, in ms: whoever sends something wakes the puller sooner. */
const AFTER_FAILURE_MS = 15_000;
/** The same where the account may spend no more: each run is billed, and finds that again. */
const AT_THE_CAP_MS = 60_000;

/**
 * Reads one partition of the bus when it is woken, until nothing is left, and sleeps without an
 * alarm then. Who has sent something wakes it, and the sweep.
 */
export class BusPuller {
  readonly #deps: BusPullerDeps;

  constructor(deps: BusPullerDeps) {
    this.#deps = deps;
  }

  /** There may be something to be read. */
  async wake(): Promise<void> {
    const { reader, now } = this.#deps;
    if (reader !== null) await this.#armBy(now());
  }

  /**
   * Reads what there is. Throws only where the next alarm can't be set: then the platform bringing
   * this one again is all that wakes it.
   *
   * @param isBroughtAgain - it went off before, and whoever heard it died
   */
  async onAlarm(isBroughtAgain: boolean): Promise<void> {
    const { reader, now, onBackgroundFailure } = this.#deps;
    if (reader === null) return;
    let nextAtMs: number | null;
    try {
      nextAtMs = await reader.run(isBroughtAgain);
    } catch (error) {
      onBackgroundFailure("read the bus", error);
      nextAtMs = now() + (isCode(error, "SPENDING_CAP") ? AT_THE_CAP_MS : AFTER_FAILURE_MS);
    }
    if (nextAtMs !== null) await this.#armBy(nextAtMs);
  }

  /** Never throws: while the bus is away operators need the rest all the more. */
  async status(): Promise<BusStatus> {
    const { cell, partition, reader, onBackgroundFailure } = this.#deps;
    const whose = { ...(cell !== undefined && { cell }), partition };
    try {
      return { ...whose, ...(reader === null ? { lag: null, late: 0 } : await reader.lag()) };
    } catch (error) {
      onBackgroundFailure("ask the bus for its end", error);
      return { ...whose, lag: null, late: reader?.late ?? 0 };
    }
  }

  async #armBy(atMs: number): Promise<void> {
    const { alarm, now } = this.#deps;
    const armedAtMs = await alarm.at();
    const isLost = armedAtMs === null || armedAtMs < now() - ALARM_LOST_MS;
    if (isLost || armedAtMs > atMs) await alarm.set(atMs);
  }
}
