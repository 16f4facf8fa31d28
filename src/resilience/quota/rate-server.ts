import type { RateAnswer, RateAsk, RateLimit, RateQuota } from "./rate-limit.ts";

const HOLD_MS_MIN = 250;
const HOLD_MS_MAX = 1000;
/**
 * Left for those who ask for single units: with small limits every unit that lies unused somewhere
 * is missed.
 */
const SPARE_UNITS = 2;

/**
 * For how long a lease under this limit lasts (ms): a quarter of the window, within [250, 1000].
 */
export function leaseHoldMs({ windowMs }: RateLimit): number {
  return Math.min(HOLD_MS_MAX, Math.max(HOLD_MS_MIN, Math.floor(windowMs / 4)));
}

/**
 * The server's side of all three modes: answers one ask against the client's quota. The caller
 * stores `quota.state` before it sends the answer, so that a killed server neither forgets a count
 * nor grants twice.
 *
 * A lease's units are counted when they are granted. Beyond what a request waits for, a holder gets
 * its share of half of what is left, by its own part in the client's whole use: what lies unused
 * with one holder is missing to the others. (Proportional share as in Google's Doorman, but without
 * a list of holders.)
 */
export function answerAsk(quota: RateQuota, limit: RateLimit, nowMs: number, ask: RateAsk): RateAnswer {
  if (ask.kind === "lease") {
    quota.giveBack(nowMs, units(ask.returned, limit));
    return grant(quota, limit, nowMs, units(ask.want, limit), costOf(ask.need ?? 1));
  }
  if (ask.kind === "give_back") {
    quota.giveBack(nowMs, units(ask.cost, limit));
    return { ...quota.peek(nowMs, 1), granted: 0, holdMs: 0 };
  }
  const counted = units(ask.count ?? 0, limit);
  quota.absorb(nowMs, counted);
  const decision = ask.kind === "take" ? quota.take(nowMs, costOf(ask.cost)) : quota.peek(nowMs, 1);
  return { ...decision, granted: 0, holdMs: 0, counted };
}

function grant(quota: RateQuota, limit: RateLimit, nowMs: number, want: number, need: number): RateAnswer {
  const holdMs = leaseHoldMs(limit);
  const needed = quota.take(nowMs, need);
  if (!needed.allowed) return { ...needed, granted: 0, holdMs: 0 };
  const extra = want > need ? Math.min(want - need, shareOfRest(limit, needed.remaining, want / holdMs)) : 0;
  return { ...quota.take(nowMs, extra), granted: need + extra, holdMs };
}

/** A holder gets that part of half the rest which it has in the use of the whole window. */
function shareOfRest({ limit, windowMs }: RateLimit, remaining: number, wantPerMs: number): number {
  const usedPerMs = (limit - remaining) / windowMs;
  return Math.floor((Math.max(0, remaining - SPARE_UNITS) * Math.min(1, wantPerMs / usedPerMs)) / 2);
}

/**
 * Whole units between nothing and everything: an isolate of another version or configuration may
 * send anything.
 */
function units(value: number, { limit }: RateLimit): number {
  return Number.isSafeInteger(value) ? Math.min(Math.max(value, 0), limit) : 0;
}

/** What is no cost costs more than any limit allows. */
function costOf(value: number): number {
  return Number.isSafeInteger(value) && value >= 0 ? value : Number.POSITIVE_INFINITY;
}
