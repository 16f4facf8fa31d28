import type { PolicyAsk, QuotaView } from "../../contracts/durable.ts";
import type { Clock } from "../../resilience/clock.ts";
import { takeAll } from "../../resilience/all-or-nothing.ts";
import { quotaFor } from "../../resilience/quota-for.ts";
import { answerAsk } from "../../resilience/rate-server.ts";
import type { RateAnswer, RateLimit, RateQuota } from "../../resilience/rate-limit.ts";
import type { ObjectStore } from "./ports.ts";

interface Kept {
  readonly limit: RateLimit;
  readonly quota: RateQuota;
  /** Units counted since the state was last written. */
  unwritten: number;
  /** Whether a state of it is in storage, which an alarm must take away. */
  isStored: boolean;
}

/** Policies one client may have windows of: as many as the route tables name, and some addresses of failed logins. */
const POLICIES_MAX = 256;
const PREFIX = "quota:";
/** Counts of what has been admitted elsewhere are written when they make this share of the limit: a restart forgets no more. */
const CHECKPOINT_SHARE = 1 / 20;
/** After the last window has emptied, the object forgets its client. */
const FORGET_AFTER_MS = 60_000;
/** An alarm that is overdue by more is taken for lost, in ms. */
const ALARM_LOST_MS = 10_000;

/**
 * The windows of one client. What is granted is written in the same turn, so that an object that is killed neither refills nor
 * forgets; an object whose windows have emptied erases itself. Its alarm is never trusted to be there: every ask sets it again where it is missing or overdue.
 */
export class ClientWindows {
  readonly #store: ObjectStore;
  readonly #now: Clock;
  readonly #kept = new Map<string, Kept>();
  #alarmAtMs: number | null;

  /** @param alarmAtMs - when the alarm is set to go off, ms since the epoch; null if it isn't */
  constructor(store: ObjectStore, now: Clock, alarmAtMs: number | null) {
    this.#store = store;
    this.#now = now;
    this.#alarmAtMs = alarmAtMs;
    for (const [key, value] of store.entries(PREFIX)) {
      const { limit, state } = value as { readonly limit: RateLimit; readonly state: unknown };
      this.#kept.set(key.slice(PREFIX.length), { limit, quota: quotaFor(limit, state), unwritten: 0, isStored: true });
    }
  }

  ask(asks: readonly PolicyAsk[]): readonly RateAnswer[] {
    const nowMs = this.#now();
    this.#healAlarm(nowMs);
    const takes = asks.filter(({ ask }) => ask.kind === "take");
    if (takes.length > 1) return this.#takeTogether(asks, nowMs);
    return asks.map((one) => {
      const kept = this.#keptFor(one);
      const answer = answerAsk(kept.quota, kept.limit, nowMs, one.ask);
      this.#note(one, kept, answer);
      return answer;
    });
  }

  view(): readonly QuotaView[] {
    const nowMs = this.#now();
    return Array.from(this.#kept, ([policy, { limit, quota }]) => {
      const { remaining, resetMs } = quota.peek(nowMs, 1);
      return { policy, ...limit, remaining, resetMs };
    });
  }

  /** The alarm went off: forgets windows that are empty, and comes back for those that are not. */
  onAlarm(): void {
    const nowMs = this.#now();
    this.#alarmAtMs = null;
    for (const [policy, { quota }] of this.#kept) {
      if (quota.idleAtMs > nowMs) continue;
      this.#kept.delete(policy);
      this.#store.delete(PREFIX + policy);
    }
    this.#armAlarm();
  }

  /** Several quotas are one question: either all of them have room, or none is counted. */
  #takeTogether(asks: readonly PolicyAsk[], nowMs: number): readonly RateAnswer[] {
    const kept = asks.map((one) => this.#keptFor(one));
    const cost = asks[0]?.ask.kind === "take" ? asks[0].ask.cost : 1;
    for (const [index, { ask }] of asks.entries()) if (ask.kind === "take") kept[index]?.quota.absorb(nowMs, ask.count ?? 0);
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
    const fresh: Kept = { limit: { limit, windowMs }, quota, unwritten: 0, isStored: known?.isStored ?? false };
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
    this.#kept.delete(idlest);
    this.#store.delete(PREFIX + idlest);
  }

  /** Writes what must not be forgotten: grants and strict counts at once, reported counts in steps. */
  #note({ policy, ask }: PolicyAsk, kept: Kept, { allowed, granted }: RateAnswer): void {
    if (ask.kind === "report") {
      kept.unwritten += ask.count;
      if (kept.unwritten < kept.limit.limit * CHECKPOINT_SHARE) return;
    } else if (ask.kind === "take" ? !allowed && (ask.count ?? 0) === 0 : ask.kind === "lease" && granted === 0 && ask.returned === 0)
      return;
    kept.unwritten = 0;
    this.#store.put(PREFIX + policy, { limit: kept.limit, state: kept.quota.state });
    kept.isStored = true;
    if (this.#alarmAtMs === null) this.#armAlarm();
  }

  /** An alarm can be lost, or given up by the platform. Set again, it costs a write, so only where something is stored. */
  #healAlarm(nowMs: number): void {
    if (this.#alarmAtMs !== null && this.#alarmAtMs >= nowMs - ALARM_LOST_MS) return;
    for (const { isStored } of this.#kept.values()) if (isStored) return this.#armAlarm();
  }

  #armAlarm(): void {
    let latestMs = 0;
    for (const { quota } of this.#kept.values()) latestMs = Math.max(latestMs, quota.idleAtMs);
    if (latestMs === 0) return;
    this.#alarmAtMs = Math.max(latestMs, this.#now()) + FORGET_AFTER_MS;
    this.#store.setAlarm(this.#alarmAtMs);
  }
}
