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
  readonly now: Clock;
  readonly onBackgroundFailure: (what: string, error: unknown) => void;
}

/** How long the job is trusted to confirm a key before it is sent again, in ms. */
const LEASE_MS = 60_000;
/** Least time between two alarms, in ms: records that come due together travel together. */
const ALARM_SPACING_MS = 2_000;
/** An alarm this much overdue is taken for lost, in ms. */
const ALARM_LOST_MS = 10_000;
/** Wait after a flush that could not be sent, in ms. */
const RETRY_MS = 2_000;

/**
 * When a shard sends its keys to the job. The alarm is never trusted to be there: every entry into the shard calls `rearm`, which sets it
 * to the earlier of its setting and the time the next record is due.
 */
export class FlushSchedule {
  readonly #deps: FlushScheduleDeps;
  #alarmAtMs: number | null;
  #notBeforeMs = 0;
  #hurried = false;

  constructor(deps: FlushScheduleDeps) {
    this.#deps = deps;
    this.#alarmAtMs = deps.alarmAtMs;
  }

  /** Sets the alarm if a record is due before it goes off, or if it should have gone off long ago. */
  rearm(): void {
    const dueMs = this.#deps.pending.nextDueMs();
    if (dueMs === null) return;
    const nowMs = this.#deps.now();
    const wantedMs = Math.max(dueMs, this.#notBeforeMs, nowMs);
    const lost = this.#alarmAtMs === null || this.#alarmAtMs < nowMs - ALARM_LOST_MS;
    if (!lost && this.#alarmAtMs !== null && this.#alarmAtMs <= wantedMs) return;
    this.#alarmAtMs = wantedMs;
    this.#deps.alarm.set(wantedMs);
  }

  /** The shard fills up: the next alarm comes as soon as it may and sends everything, whatever its age. */
  hurry(): void {
    if (this.#hurried) return;
    this.#hurried = true;
    const atMs = Math.max(this.#notBeforeMs, this.#deps.now());
    if (this.#alarmAtMs !== null && this.#alarmAtMs <= atMs) return;
    this.#alarmAtMs = atMs;
    this.#deps.alarm.set(atMs);
  }

  /** Sends what is due and sets the next alarm. Never throws: an alarm that throws six times is abandoned by the platform. */
  async onAlarm(): Promise<void> {
    const nowMs = this.#deps.now();
    this.#alarmAtMs = null;
    this.#notBeforeMs = nowMs + Math.min(ALARM_SPACING_MS, this.#deps.limits.flushWindowMs);
    const waitingSinceMs = this.#hurried ? Number.POSITIVE_INFINITY : nowMs - this.#deps.limits.flushWindowMs;
    this.#hurried = false;
    try {
      await this.flush(waitingSinceMs);
    } catch (error) {
      this.#notBeforeMs = this.#deps.now() + RETRY_MS;
      this.#deps.onBackgroundFailure("flush", error);
    }
    this.rearm();
  }

  /** Sends the keys of all records that wait since `waitingSinceMs` or longer. Throws if the queue refuses; they stay pending. */
  async flush(waitingSinceMs: number): Promise<void> {
    const keys = this.#deps.pending.lease(waitingSinceMs, this.#deps.now(), LEASE_MS);
    if (keys.length === 0) return;
    try {
      await this.#deps.queue.send(packFlushMessages(this.#deps.shard, keys));
    } catch (error) {
      this.#deps.pending.unlease(keys);
      throw error;
    }
  }
}
