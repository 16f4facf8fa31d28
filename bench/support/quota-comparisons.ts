import { ExactLog } from "../../src/resilience/quota/exact-log.ts";
import { SlidingWindowCounter } from "../../src/resilience/quota/sliding-window-counter.ts";
import type { Comparison } from "./comparison.ts";
import type { Candidate } from "./interleaved.ts";
import {
  AMPLE,
  byKey,
  counterOf,
  type Decide,
  gcraOf,
  holding,
  rateLimiterMemory,
  SCARCE,
  taking,
  upstash,
} from "./quota-candidates.ts";

const LIMIT = { limit: 1_000, windowMs: 10_000 };
const LOG_LIMIT = { limit: 100, windowMs: 10_000 };
/**
 * Steady use, below the limit: the log and the counters are as full as they get without a denial.
 */
const USE = 0.8;
/** More than fit into the nearest cache. */
const CLIENTS = 1_024;
const KEYS = Array.from({ length: CLIENTS }, (_, client) => `client-${client}`);
/**
 * What a Redis script would answer: one unit of the window is used; the sliding window has none
 * left, of one.
 */
const ONE_USED = 1;
const NONE_LEFT = [-1, SCARCE.limit];

export const QUOTA_COMPARISONS: readonly Comparison[] = [
  {
    title: `one client's quota at ${USE * 100} % of its limit, the bare decision: admitted (turned clock)`,
    note: "no counterparts: rate-limiter-flexible and @upstash/ratelimit decide only as a promise, by a key and by their own clock.",
    candidates: () => [
      steady("GCRA", LIMIT, gcraOf(LIMIT)),
      steady("sliding window counter, 1 slice", LIMIT, taking(new SlidingWindowCounter(LIMIT))),
      steady("sliding window counter, 6 slices", LIMIT, counterOf(LIMIT)),
      steady("exact log of 100", LOG_LIMIT, taking(new ExactLog(LOG_LIMIT))),
      steady("leased quota, with its asks answered", LIMIT, holding("lease", LIMIT)),
      steady("async quota, with its reports answered", LIMIT, holding("async", LIMIT)),
    ],
  },
  {
    title: `the quotas of ${CLIENTS} clients by key, the bare decision: admitted`,
    candidates: () => [
      admits("GCRA", gcraOf),
      admits("sliding window counter, 6 slices", counterOf),
      admits("leased quota, with its asks answered", (limit) => holding("lease", limit)),
      admits("async quota, with its reports answered", (limit) => holding("async", limit)),
    ],
  },
  {
    title: `the quotas of ${CLIENTS} clients by key, as a promise: admitted`,
    note: "@upstash/ratelimit: only cachedFixedWindow decides before Redis has answered; the one command it sends for each is answered at once here. Its other algorithms run as Lua in Redis: no counterpart in memory.",
    candidates: () => [
      promises("GCRA", true, ofOurs(gcraOf, AMPLE)),
      promises("sliding window counter, 6 slices", true, ofOurs(counterOf, AMPLE)),
      promises(
        "leased quota, with its asks answered",
        true,
        ofOurs((limit) => holding("lease", limit), AMPLE),
      ),
      promises(
        "async quota, with its reports answered",
        true,
        ofOurs((limit) => holding("async", limit), AMPLE),
      ),
      promises("rate-limiter-flexible, RateLimiterMemory", true, rateLimiterMemory(AMPLE)),
      promises("@upstash/ratelimit, cachedFixedWindow", true, upstash("cachedFixedWindow", AMPLE, ONE_USED)),
    ],
  },
  {
    title: `${CLIENTS} clients that are over their limits, as a promise: denied from memory`,
    note: "@upstash/ratelimit: its ephemeral cache, which denies until the window's end. Ours denies until one unit is free.",
    candidates: () => [
      promises(
        "async quota",
        false,
        ofOurs((limit) => holding("async", limit), SCARCE),
      ),
      promises(
        "leased quota",
        false,
        ofOurs((limit) => holding("lease", limit), SCARCE),
      ),
      promises("rate-limiter-flexible, RateLimiterMemory", false, rateLimiterMemory(SCARCE)),
      promises("@upstash/ratelimit, ephemeral cache", false, upstash("slidingWindow", SCARCE, NONE_LEFT)),
    ],
  },
];

function ofOurs(
  decideFor: (limit: typeof AMPLE) => Decide,
  limit: typeof AMPLE,
): (key: string) => Promise<boolean> {
  const decide = byKey(KEYS, () => decideFor(limit));
  return async (key) => decide(key);
}

function steady(name: string, { limit, windowMs }: typeof AMPLE, decide: Decide): Candidate {
  const stepMs = windowMs / (limit * USE);
  let nowMs = Date.now();
  return {
    name,
    run: (calls) => {
      let decided = 0;
      for (let call = 0; call < calls; call += 1) {
        nowMs += stepMs;
        if (decide(nowMs)) decided += 1;
      }
      return decided;
    },
  };
}

function admits(name: string, decideFor: (limit: typeof AMPLE) => Decide): Candidate {
  const decide = byKey(KEYS, () => decideFor(AMPLE));
  let next = 0;
  return {
    name,
    run: (calls) => {
      let decided = 0;
      for (let call = 0; call < calls; call += 1) {
        if (decide(KEYS[next] ?? "")) decided += 1;
        next = (next + 1) % CLIENTS;
      }
      return decided;
    },
  };
}

/** Of those that deny, the first decision of each client is another one: it is made before. */
function promises(name: string, admitted: boolean, decide: (key: string) => Promise<boolean>): Candidate {
  let next = 0;
  let isReady = false;
  return {
    name,
    run: async (calls) => {
      if (!isReady) for (const key of KEYS) await decide(key);
      isReady = true;
      let decided = 0;
      for (let call = 0; call < calls; call += 1) {
        if ((await decide(KEYS[next] ?? "")) === admitted) decided += 1;
        next = (next + 1) % CLIENTS;
      }
      return decided;
    },
  };
}
