import type { PolicyAsk, QuotaView } from "../../contracts/durable.ts";
import type { Clock } from "../../resilience/clock.ts";
import { takeAll } from "../../resilience/quota/all-or-nothing.ts";
import { quotaFor } from "../../resilience/quota/quota-for.ts";
import { answerAsk } from "../../resilience/quota/rate-server.ts";
import {
  type RateAnswer,
  type RateLimit,
  type RateQuota,
  WINDOW_MS_MAX,
} from "../../resilience/quota/rate-limit.ts";
import type { ObjectStore } from "./ports.ts";

interface Kept {
  readonly limit: RateLimit;
  readonly quota: RateQuota;
  /** Units counted since the state was last written. */
  unwritten: number;
}

/**
 * Policies one client may have windows of: as many as the route tables name, and some addresses of
 * failed logins.
 */
const POLICIES_MAX = 256;
const PREFIX = "quota:";
/**
 * Counts of what has been admitted elsewhere are written when they make this share of the limit: a
 * restart forgets no more.
 */
const CHECKPOINT_SHARE = 1 / 20;
/** After the last window has emptied, the object forgets its client. */
const FORGET_AFTER_MS = 60_000;
/**
 * An alarm that is later than this has been lost, and no window is emptied later than this: one set
 * further ahead was set by a bad clock.
 */
const ALARM_LATE_MS = 10_000;
const ALARM_AHEAD_MS_MAX = WINDOW_MS_MAX + FORGET_AFTER_MS;

/**
 * The windows of one client. What is granted is written in the same turn, so that an object that is
 * killed neither refills nor forgets; an object whose windows have emptied erases itself. Its alarm
 * is never trusted to be there: while anything is stored, every turn sets it again where it is
 * missing or overdue.
 *
 * A turn counts in memory first and writes then, everything or nothing. Where the store fails,
 * memory is ahead of it: it is read again at the next turn, as after a restart, and the asker is
 * told by the exception that nothing was counted.
 */
export class ClientWindows {
  readonly #store: ObjectStore;
  readonly #now: Clock;
  readonly #kept = new Map<string, Kept>();
  /** What this turn has to write, by key; undefined is to be deleted. */
  readonly #changes = new Map<string, unknown>();
  /** What is stored has to be forgotten one day. */
  readonly #stored = new Set<string>();
  #isLoaded = false;
  #alarmAtMs: number | null;

  /** @param alarmAtMs - when the object's alarm is set to go off, null if it isn't */
  constructor(store: ObjectStore, now: Clock, alarmAtMs: number | null) {
    this.#store = store;
    this.#now = now;
    this.#alarmAtMs = alarmAtMs;
  }

  ask(asks: readonly PolicyAsk[]): readonly RateAnswer[] {
    return this.#inOneTurn(() => {
      const nowMs = this.#now();
      const takes = asks.filter(({ ask }) => ask.kind === "take");
      if (takes.length > 1) return this.#takeTogether(asks, nowMs);
      return asks.map((one) => {
        const kept = this.#keptFor(one);
        const answer = answerAsk(kept.quota, kept.limit, nowMs, one.ask);
        this.#note(one, kept, answer);
        return answer;
      });
    });
  }

  view(): readonly QuotaView[] {
    return this.#inOneTurn(() => {
      const nowMs = this.#now();
      return Array.from(this.#kept, ([policy, { limit, quota }]) => {
        const { remaining, resetMs } = quota.peek(nowMs, 1);
        return { policy, ...limit, remaining, resetMs };
      });
    });
  }

  /**
   * The alarm went off: forgets windows that are empty, and comes back for those that are not.
   * Where none is left in the store, nothing of the client is. What is in memory only goes with it,
   * and stays until then; no alarm would come for it.
   */
  onAlarm(): void {
    this.#alarmAtMs = null;
    this.#inOneTurn(() => {
      const nowMs = this.#now();
      for (const [policy, { quota }] of this.#kept) {
        // Tells the quota what time it is: one that was restored may have been stored under a clock
        // far ahead.
        quota.peek(nowMs, 1);
        if (quota.idleAtMs <= nowMs) this.#forget(policy);
      }
    });
    // Empty rows would leave the object's storage behind for good: every address that ever came
    // would have cost one.
    if (this.#stored.size === 0) this.#store.erase();
  }

  /** Reads what is stored if need be, runs the turn, and writes what it has changed. */
  #inOneTurn<T>(turn: () => T): T {
    try {
      if (!this.#isLoaded) this.#load();
      const answer = turn();
      this.#write();
      return answer;
    } catch (error) {
      this.#isLoaded = false;
      this.#alarmAtMs = null;
      throw error;
    } finally {
      this.#changes.clear();
    }
  }

  #load(): void {
    this.#kept.clear();
    this.#stored.clear();
    for (const [key, value] of this.#store.entries(PREFIX)) {
      this.#stored.add(key);
      const { limit, state } = value as { readonly limit: RateLimit; readonly state: unknown };
      this.#kept.set(key.slice(PREFIX.length), { limit, quota: quotaFor(limit, state), unwritten: 0 });
    }
    this.#isLoaded = true;
  }

  #write(): void {
    const alarmAtMs = this.#alarmToSet();
    if (this.#changes.size === 0 && alarmAtMs === null) return;
    this.#store.transaction(() => {
      for (const [key, value] of this.#changes) {
        if (value === undefined) this.#store.delete(key);
        else this.#store.put(key, value);
      }
      if (alarmAtMs !== null) this.#store.setAlarm(alarmAtMs);
    });
    this.#alarmAtMs = alarmAtMs ?? this.#alarmAtMs;
    for (const [key, value] of this.#changes) {
      if (value === undefined) this.#stored.delete(key);
      else this.#stored.add(key);
    }
  }

  get #willBeStored(): boolean {
    for (const value of this.#changes.values()) if (value !== undefined) return true;
    for (const key of this.#stored) if (!this.#changes.has(key)) return true;
    return false;
  }

  /** Several quotas are one question: either all of them have room, or none is counted. */
  #takeTogether(asks: readonly PolicyAsk[], nowMs: number): readonly RateAnswer[] {
    const kept = asks.map((one) => this.#keptFor(one));
    const cost = asks[0]?.ask.kind === "take" ? asks[0].ask.cost : 1;
    for (const [index, { ask }] of asks.entries())
      if (ask.kind === "take") kept[index]?.quota.absorb(nowMs, ask.count ?? 0);
    const decision = takeAll(
      nowMs,
      cost,
      kept.map(({ quota }) => quota),
    );
    const answer = { ...decision, granted: 0, holdMs: 0 };
    for (const [index, one] of asks.entries()) {
      const at = kept[index];
      if (at !== undefined) this.#note(one, at, answer);
    }
    return asks.map(() => answer);
  }

  #keptFor({ policy, limit, windowMs }: PolicyAsk): Kept {
    const known = this.#kept.get(policy);
    if (known !== undefined && known.limit.limit === limit && known.limit.windowMs === windowMs) return known;
    if (known === undefined && this.#kept.size >= POLICIES_MAX) this.#forgetIdlest();
    const quota = quotaFor({ limit, windowMs }, known?.quota.state);
    const fresh: Kept = { limit: { limit, windowMs }, quota, unwritten: 0 };
    this.#kept.set(policy, fresh);
    return fresh;
  }

  #forgetIdlest(): void {
    let idlest: string | undefined;
    let idleAtMs = Number.POSITIVE_INFINITY;
    for (const [policy, { quota }] of this.#kept) {
      if (quota.idleAtMs >= idleAtMs) continue;
      idlest = policy;
      idleAtMs = quota.idleAtMs;
    }
    if (idlest === undefined) return;
    this.#forget(idlest);
  }

  #forget(policy: string): void {
    this.#kept.delete(policy);
    this.#changes.set(PREFIX + policy, undefined);
  }

  /**
   * Writes what must not be forgotten: grants and strict counts at once, reported counts in steps.
   */
  #note({ policy, ask }: PolicyAsk, kept: Kept, { allowed, granted }: RateAnswer): void {
    if (ask.kind === "report") {
      kept.unwritten += ask.count;
      if (kept.unwritten < kept.limit.limit * CHECKPOINT_SHARE) return;
    } else if (
      ask.kind === "take"
        ? !allowed && (ask.count ?? 0) === 0
        : ask.kind === "lease" && granted === 0 && ask.returned === 0
    )
      return;
    kept.unwritten = 0;
    this.#changes.set(PREFIX + policy, { limit: kept.limit, state: kept.quota.state });
  }

  /**
   * Null where none is needed, or the one that is set will do: it is set anew when it goes off, not
   * at each turn.
   */
  #alarmToSet(): number | null {
    const nowMs = this.#now();
    const setAtMs = this.#alarmAtMs;
    if (!this.#willBeStored) return null;
    if (setAtMs !== null && nowMs - setAtMs <= ALARM_LATE_MS && setAtMs - nowMs <= ALARM_AHEAD_MS_MAX)
      return null;
    let latestMs = nowMs;
    for (const { quota } of this.#kept.values()) latestMs = Math.max(latestMs, quota.idleAtMs);
    return Math.min(latestMs + FORGET_AFTER_MS, nowMs + ALARM_AHEAD_MS_MAX);
  }
}
