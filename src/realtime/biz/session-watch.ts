import { AUTH_MS_MAX, IDLE_MS_MAX, SOCKET_AGE_MS_MAX } from "../../contracts/realtime.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { CometIndex } from "./comet-index.ts";
import type { Connection } from "./connection.ts";
import type { BackgroundFailure, CometAlarm, EndedSessions } from "./ports.ts";

export interface SessionWatchDeps {
  readonly index: CometIndex;
  readonly endedSessions: EndedSessions;
  readonly alarm: CometAlarm;
  readonly now: Clock;
  readonly onBackgroundFailure: BackgroundFailure;
}

/** How often it is asked whose session has ended, and how old the answer may be, in ms. */
export const SESSION_ROUND_MS = 12_000;
export const SESSION_AGE_MS_MAX = 2_000;
/** How often sockets are looked at that nobody has signed in, or nothing is heard of, in ms. */
export const IDLE_ROUND_MS = 60_000;
/** Sessions asked for at once. */
const SESSIONS_PER_ASK_MAX = 5_000;
/** An alarm that is later than this has been lost. */
const ALARM_LATE_MS = 10_000;
/** The platform lets an object hibernate that has been idle for ten seconds. */
const FALLS_ASLEEP_MS = 10_500;

/** Looks from time to time who must go, by the one alarm of the comet. */
export class SessionWatch {
  readonly #deps: SessionWatchDeps;
  #alarmAtMs: number | null;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** @param alarmAtMs - when the object's alarm is set to go off, null if it isn't */
  constructor(deps: SessionWatchDeps, alarmAtMs: number | null) {
    this.#deps = deps;
    this.#alarmAtMs = alarmAtMs;
  }

  /** Somebody has come: there is an alarm from now on, soon enough for them. */
  begin(connection: Connection): void {
    const { now } = this.#deps;
    const atMs = now() + (connection.state.user === null ? IDLE_ROUND_MS : SESSION_ROUND_MS);
    const isLost = this.#alarmAtMs !== null && this.#alarmAtMs < now() - ALARM_LATE_MS;
    if (this.#alarmAtMs === null || isLost || this.#alarmAtMs > atMs) this.#set(atMs);
  }

  /**
   * Something happens here. Where the alarm would come before the object has fallen asleep after
   * it, it is run ahead: alarms alone would else keep a comet awake that is silent. Where there is
   * none, it has been lost.
   */
  touch(): void {
    const { now, index } = this.#deps;
    if (this.#alarmAtMs === null && index.size === 0) return;
    const inMs = (this.#alarmAtMs ?? 0) - now();
    // One that is farther away was set by a clock that was ahead.
    if (inMs < FALLS_ASLEEP_MS || inMs > IDLE_ROUND_MS) void this.run();
  }

  /** Looks now, and sees to it that somebody looks again. */
  async run(): Promise<void> {
    this.#alarmAtMs = null;
    const { index, now, onBackgroundFailure } = this.#deps;
    const nowMs = now();
    if (nowMs - this.#lookedAtMs >= IDLE_ROUND_MS || nowMs < this.#lookedAtMs) {
      this.#lookedAtMs = nowMs;
      for (const connection of index.all()) closeIfDue(connection, nowMs);
    }
    const sessions = sessionsOf(index);
    // Before anything is awaited: whatever fails, somebody looks again.
    if (index.size > 0) this.#set(nowMs + (sessions.length > 0 ? SESSION_ROUND_MS : IDLE_ROUND_MS));
    try {
      await this.#closeEnded(sessions);
    } catch (error) {
      onBackgroundFailure("ask which sessions have ended", error);
    }
  }

  async #closeEnded(sessions: readonly string[]): Promise<void> {
    const { index, endedSessions } = this.#deps;
    for (let from = 0; from < sessions.length; from += SESSIONS_PER_ASK_MAX) {
      const some = sessions.slice(from, from + SESSIONS_PER_ASK_MAX);
      const ended = new Set(await endedSessions(some, SESSION_AGE_MS_MAX));
      if (ended.size === 0) continue;
      for (const connection of index.all())
        if (ended.has(connection.state.user?.sessionId ?? ""))
          connection.close("unauthenticated", "the session has ended");
    }
  }

  #set(atMs: number): void {
    this.#alarmAtMs = atMs;
    this.#deps.alarm.set(atMs);
  }
}

/** Also of sockets that are not signed in yet: their user is known. */
function sessionsOf(index: CometIndex): readonly string[] {
  const sessions = new Set<string>();
  for (const { state } of index.all()) if (state.user !== null) sessions.add(state.user.sessionId);
  return [...sessions];
}

function closeIfDue(connection: Connection, nowMs: number): void {
  const { isSignedIn, openedAtMs, beatAtMs } = connection.state;
  // A clock that was ahead said so: nobody is kept until it is that late.
  if (Math.max(openedAtMs, beatAtMs) > nowMs)
    connection.save({ openedAtMs: Math.min(openedAtMs, nowMs), beatAtMs: Math.min(beatAtMs, nowMs) });
  // Its own timer is gone with the memory.
  if (!isSignedIn && nowMs - openedAtMs >= AUTH_MS_MAX) closeUnsigned(connection);
  else if (nowMs - connection.beatAtMs >= IDLE_MS_MAX)
    connection.close("idle", `no heartbeat for ${IDLE_MS_MAX / 60_000} minutes`);
  else if (nowMs - openedAtMs >= SOCKET_AGE_MS_MAX) connection.close("idle", "a day old: sign in anew");
}

export function closeUnsigned(connection: Connection): void {
  connection.close("authTimeout", `op 7 must come within ${AUTH_MS_MAX / 1_000} s`);
}
