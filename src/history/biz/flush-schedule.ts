import { isCode } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { packFlushMessages } from "./flush-message.ts";
import type { PendingSet } from "./pending-set.ts";
import type { PendingStates } from "./pending-states.ts";
import type { FlushQueue, ShardAlarm } from "./ports.ts";

interface FlushScheduleDeps {
  readonly shard: number;
  readonly limits: { readonly flushWindowMs: number };
  readonly pending: Pick<PendingSet, "unleased" | "nextDueMs" | "lease" | "unlease">;
  readonly states: PendingStates;
  readonly queue: FlushQueue;
  readonly alarm: ShardAlarm;
  readonly alarmAtMs: number | null;
  /** Whether waiting for the window would fill the shard with records. */
  readonly isFillingUp: () => boolean;
  /** When something beside what is pending wants the alarm, in ms; null where nothing does. */
  readonly otherDueMs: () => number | null;
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
/** The same where the account may send no more: each try is a billed alarm. */
const RETRY_AT_THE_CAP_MS = 60_000;

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
   * Throws, or rejects, where it can't: then it isn't believed to be there.
   */
  rearm(): Promise<void> | undefined {
    // I7
    const nowMs = this.#deps.now();
    const dueMs = this.#isHurried() ? nowMs : earlierOf(this.#nextDueMs(), this.#deps.otherDueMs());
    if (dueMs === null) return undefined;
    const wantedMs = Math.max(dueMs, this.#notBeforeMs, nowMs);
    const lost = this.#alarmAtMs === null || this.#alarmAtMs < nowMs - ALARM_LOST_MS;
    if (!lost && this.#alarmAtMs !== null && this.#alarmAtMs <= wantedMs) return undefined;
    const setting = this.#deps.alarm.set(wantedMs);
    this.#alarmAtMs = wantedMs;
    return setting?.catch((error: unknown) => {
      if (this.#alarmAtMs === wantedMs) this.#alarmAtMs = null;
      throw error;
    });
  }

  /**
   * Sends what is due and sets the next alarm. An alarm that throws six times is abandoned by the
   * platform, so that it throws only where the next one can't be set: then the platform bringing
   * this one again is all that would wake a shard that nobody calls. At the account's spending cap
   * it is held until the end.
   */
  async onAlarm(): Promise<void> {
    const nowMs = this.#deps.now();
    this.#alarmAtMs = null;
    this.#notBeforeMs = nowMs + Math.min(ALARM_SPACING_MS, this.#deps.limits.flushWindowMs);
    try {
      await this.flush(this.#isHurried() ? Number.POSITIVE_INFINITY : this.#waitingSinceMs(nowMs));
    } catch (error) {
      const pauseMs = isCode(error, "SPENDING_CAP") ? RETRY_AT_THE_CAP_MS : RETRY_MS;
      this.#notBeforeMs = this.#deps.now() + pauseMs;
      this.#deps.onBackgroundFailure("flush", error);
    }
    await this.rearm();
  }

  /** {@link rearm} where nobody is to be told that it failed: the next entry does it again. */
  rearmQuietly(): void {
    const tell = (error: unknown): void => this.#deps.onBackgroundFailure("set the alarm", error);
    try {
      void this.rearm()?.catch(tell);
    } catch (error) {
      tell(error);
    }
  }

  /**
   * Sends the keys of all records, and the users of all states, that wait since `waitingSinceMs` or
   * longer. Throws if the queue refuses; they stay pending.
   */
  async flush(waitingSinceMs: number): Promise<void> {
    const { shard, pending, states, queue, now } = this.#deps;
    const nowMs = now();
    const keys = pending.lease(waitingSinceMs, nowMs);
    const userIds = states.lease(waitingSinceMs, nowMs);
    if (keys.length === 0 && userIds.length === 0) return;
    try {
      await queue.send(packFlushMessages(shard, keys, userIds));
    } catch (error) {
      pending.unlease(keys);
      states.unlease(userIds);
      throw error;
    }
  }

  /** When the next record or state is due, in ms; null if nothing is pending. */
  #nextDueMs(): number | null {
    const { pending, states } = this.#deps;
    return earlierOf(pending.nextDueMs(), states.nextDueMs());
  }

  /** Since when something must wait to be sent now; an alarm that is early sends nothing early. */
  #waitingSinceMs(nowMs: number): number {
    const { flushWindowMs } = this.#deps.limits;
    const dueMs = this.#nextDueMs();
    const isDue = dueMs !== null && dueMs <= nowMs;
    return nowMs - flushWindowMs * (isDue ? 1 - EARLY_SHARE : 1);
  }

  /** What is with the job already is not sent again any sooner for it. */
  #isHurried(): boolean {
    const { pending, states, isFillingUp } = this.#deps;
    return states.isHurried || (pending.unleased > 0 && isFillingUp());
  }
}

/** The earlier of two times, in ms, of which null is never. */
export function earlierOf(aMs: number | null, bMs: number | null): number | null {
  return aMs === null || bMs === null ? (aMs ?? bMs) : Math.min(aMs, bMs);
}
