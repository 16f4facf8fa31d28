import type { Clock } from "../../resilience/clock.ts";
import { packFlushMessages } from "./flush-message.ts";
import type { PendingSet } from "./pending-set.ts";
import type { FlushQueue, ShardAlarm } from "./ports.ts";

interface FlushScheduleDeps {
  readonly shard: number;
  readonly limits: { readonly flushWindowMs: number };
  readonly pending: PendingSet;
  readonly queue: FlushQueue;
  readonly alarm: ShardAlarm;
  readonly alarmAtMs: number | null;
  /** Whether waiting for the window would fill the shard. */
  readonly isFillingUp: () => boolean;
  readonly now: Clock;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

/** Least time between two alarms, in ms: records that come due together travel together. */
const ALARM_SPACING_MS = 2_000;
/**
 * What is due within this part of the window goes along with what is due: an alarm, a message and
 * what they bring cost more than to write a record again a little earlier.
 */
const EARLY_SHARE = 1 / 5;
/** An alarm this much overdue is taken for lost, in ms. */
const ALARM_LOST_MS = 10_000;
/** Wait after a flush that could not be sent, in ms. */
const RETRY_MS = 2_000;

/**
 * When a shard sends its keys to the job. The alarm is never trusted to be there: every entry into
 * the shard but a look at its status calls `rearm`, which sets it to the earlier of its setting and
 * the time the next record is due. That the shard fills up is seen anew each time, so that neither
 * a lost alarm nor a restart forgets to send early. All of it goes by the plain clock, and where
 * that is set back nothing waits for it to catch up.
 */
export class FlushSchedule {
  readonly #deps: FlushScheduleDeps;
  #alarmAtMs: number | null;
  #notBeforeMs = 0;

  constructor(deps: FlushScheduleDeps) {
    this.#deps = deps;
    this.#alarmAtMs = deps.alarmAtMs;
  }

  /** The clock turns out to have been ahead. */
  clampTo(nowMs: number): void {
    this.#notBeforeMs = Math.min(this.#notBeforeMs, nowMs + RETRY_MS);
  }

  /**
   * Sets the alarm if a record is due before it goes off, or if it should have gone off long ago.
   */
  rearm(): void {
    // I7
    const nowMs = this.#deps.now();
    const dueMs = this.#isHurried() ? nowMs : this.#deps.pending.nextDueMs();
    if (dueMs === null) return;
    const wantedMs = Math.max(dueMs, this.#notBeforeMs, nowMs);
    const lost = this.#alarmAtMs === null || this.#alarmAtMs < nowMs - ALARM_LOST_MS;
    if (!lost && this.#alarmAtMs !== null && this.#alarmAtMs <= wantedMs) return;
    this.#deps.alarm.set(wantedMs);
    this.#alarmAtMs = wantedMs;
  }

  /**
   * Sends what is due and sets the next alarm. Never throws: an alarm that throws six times is
   * abandoned by the platform.
   */
  async onAlarm(): Promise<void> {
    const nowMs = this.#deps.now();
    this.#alarmAtMs = null;
    this.#notBeforeMs = nowMs + Math.min(ALARM_SPACING_MS, this.#deps.limits.flushWindowMs);
    try {
      await this.flush(this.#isHurried() ? Number.POSITIVE_INFINITY : this.#waitingSinceMs(nowMs));
    } catch (error) {
      this.#notBeforeMs = this.#deps.now() + RETRY_MS;
      this.#deps.onBackgroundFailure("flush", error);
    }
    this.rearmQuietly();
  }

  /** {@link rearm} where nobody is to be told that it failed: the next entry does it again. */
  rearmQuietly(): void {
    try {
      this.rearm();
    } catch (error) {
      this.#deps.onBackgroundFailure("set the alarm", error);
    }
  }

  /**
   * Sends the keys of all records that wait since `waitingSinceMs` or longer. Throws if the queue
   * refuses; they stay pending.
   */
  async flush(waitingSinceMs: number): Promise<void> {
    const keys = this.#deps.pending.lease(waitingSinceMs, this.#deps.now());
    if (keys.length === 0) return;
    try {
      await this.#deps.queue.send(packFlushMessages(this.#deps.shard, keys));
    } catch (error) {
      this.#deps.pending.unlease(keys);
      throw error;
    }
  }

  /** Since when a record must wait to be sent now; an alarm that is early sends nothing early. */
  #waitingSinceMs(nowMs: number): number {
    const { flushWindowMs } = this.#deps.limits;
    const dueMs = this.#deps.pending.nextDueMs();
    const isDue = dueMs !== null && dueMs <= nowMs;
    return nowMs - flushWindowMs * (isDue ? 1 - EARLY_SHARE : 1);
  }

  /** What is with the job already is not sent again any sooner for it. */
  #isHurried(): boolean {
    return this.#deps.pending.unleased > 0 && this.#deps.isFillingUp();
  }
}
