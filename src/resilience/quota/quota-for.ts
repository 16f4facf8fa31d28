import { ExactLog, type ExactLogState, LOG_LIMIT_MAX } from "./exact-log.ts";
import type { RateLimit, RateQuota, RateQuotaState } from "./rate-limit.ts";
import { SlidingWindowCounter, type SlidingWindowCounterState } from "./sliding-window-counter.ts";

/** Cuts the classical counter's error to a sixth of the window, for seven numbers of state. */
const SLICES = 6;

/**
 * The algorithm that keeps a promised limit: the exact log up to 100 units, the sliding window
 * counter above. Its state comes back from `quota.state`, as stored. State of another limit or
 * window, after a change of configuration, is carried over unit by unit as far as its times are
 * known; state that is none of ours is left out.
 *
 * @throws RangeError for a limit or window out of range
 */
export function quotaFor(limit: RateLimit, state?: unknown): RateQuota {
  const known = isKnownState(state) ? state : undefined;
  if (limit.limit <= LOG_LIMIT_MAX) {
    if (known?.kind === "log" && fits(known, limit)) return new ExactLog(limit, known);
    return carryOver(known, new ExactLog(limit));
  }
  if (known?.kind === "slices" && fits(known, limit) && known.counts.length === SLICES + 1) {
    return new SlidingWindowCounter({ ...limit, slices: SLICES }, known);
  }
  return carryOver(known, new SlidingWindowCounter({ ...limit, slices: SLICES }));
}

type KnownState = ExactLogState | SlidingWindowCounterState;

function fits(state: KnownState, { limit, windowMs }: RateLimit): boolean {
  return state.limit === limit && state.windowMs === windowMs;
}

/**
 * Counts the units of `state` in `quota`, each at its time; a slice's units at the slice's end, so
 * that none is freed too early.
 */
function carryOver(state: KnownState | undefined, quota: RateQuota): RateQuota {
  if (state?.kind === "log") for (const timeMs of state.times) quota.absorb(timeMs, 1);
  if (state?.kind === "slices") {
    const oldestSlot = state.slot - state.counts.length + 1;
    const sliceMs = state.windowMs / (state.counts.length - 1);
    for (const [index, count] of state.counts.entries()) {
      const sliceEndMs = Math.ceil((oldestSlot + index + 1) * sliceMs) - 1;
      quota.absorb(Math.min(sliceEndMs, state.atMs), count);
    }
  }
  return quota;
}

const COUNTS_MAX = 100;

function isKnownState(state: unknown): state is KnownState {
  if (typeof state !== "object" || state === null) return false;
  const { kind, limit, windowMs, atMs, times, counts, slot } = state as Partial<
    RateQuotaState & Record<string, unknown>
  >;
  if (![limit, windowMs, atMs].every(isCount)) return false;
  if (kind === "log") return isCounts(times);
  return kind === "slices" && isCount(slot) && isCounts(counts) && counts.length > 1;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= COUNTS_MAX && value.every(isCount);
}
