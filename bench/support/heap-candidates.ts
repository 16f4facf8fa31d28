import { BbrLimiter } from "../../src/resilience/overload/bbr-limiter.ts";
import { ExactLog } from "../../src/resilience/quota/exact-log.ts";
import { SreBreaker } from "../../src/resilience/breaker/sre-breaker.ts";
import {
  cockatiel,
  type Guarded,
  hystrix,
  InformedBreaker,
  opossum,
  ours,
  type Work,
} from "./breaker-candidates.ts";
import type { HeapCandidate } from "./heap-per-instance.ts";
import {
  AMPLE,
  byKey,
  counterOf,
  type Decide,
  gcraOf,
  holding,
  rateLimiterMemory,
  taking,
  upstash,
} from "./quota-candidates.ts";

/** What each breaker has been through when it is weighed, all within its window. */
export const CALLS_PER_BREAKER = 1_000;
/** A log holds as many units as it is given, and so many are its most. */
export const CALLS_PER_CLIENT = 100;
const LOG_LIMIT = { limit: CALLS_PER_CLIENT, windowMs: 60_000 };

const work: Work = async () => 1;

export const BREAKERS: readonly HeapCandidate[] = [
  breakers("hystrix breaker", () => ours(hystrix(), work)),
  breakers("sre breaker", () => ours(new SreBreaker(), work)),
  breakers("shared breaker", () => ours(new InformedBreaker("closed"), work)),
  breakers("cockatiel, SamplingBreaker", () => cockatiel(work)),
  breakers("opossum, lean", () => opossum(work, "lean")),
  breakers("opossum, its defaults", () => opossum(work, "defaults")),
  {
    name: "bbr limiter (no counterpart)",
    make: async (count) => ({ alive: Array.from({ length: count }, usedLimiter) }),
  },
];

export const CLIENTS: readonly HeapCandidate[] = [
  ourClients("GCRA", () => gcraOf(AMPLE)),
  ourClients("sliding window counter, 6 slices", () => counterOf(AMPLE)),
  ourClients("exact log of 100, full", () => taking(new ExactLog(LOG_LIMIT))),
  ourClients("leased quota and its server's side", () => holding("lease", AMPLE)),
  ourClients("async quota and its server's side", () => holding("async", AMPLE)),
  clients("rate-limiter-flexible, RateLimiterMemory", () => rateLimiterMemory(AMPLE)),
  clients("@upstash/ratelimit, cachedFixedWindow, but for what Redis holds", () =>
    upstash("cachedFixedWindow", AMPLE, 1),
  ),
];

function breakers(name: string, guard: () => Guarded): HeapCandidate {
  return {
    name,
    make: async (count) => {
      const alive = Array.from({ length: count }, guard);
      for (const { call } of alive) for (let made = 0; made < CALLS_PER_BREAKER; made += 1) await call();
      return { alive, close: () => alive.forEach(({ close }) => close?.()) };
    },
  };
}

function usedLimiter(): BbrLimiter {
  const limiter = new BbrLimiter();
  const nowMs = Date.now();
  for (let made = 0; made < CALLS_PER_BREAKER; made += 1) {
    limiter.admit(nowMs + made, "critical");
    limiter.done(nowMs + made, nowMs, "success");
  }
  return limiter;
}

function ourClients(name: string, decideFor: () => Decide): HeapCandidate {
  return { name, make: async (count) => weigh(byKey(keysOf(count), decideFor), count) };
}

function clients(name: string, limiter: () => (key: string) => Promise<boolean>): HeapCandidate {
  return { name, make: (count) => weigh(limiter(), count) };
}

async function weigh(
  decide: (key: string) => boolean | Promise<boolean>,
  count: number,
): Promise<{ readonly alive: unknown }> {
  for (const key of keysOf(count)) for (let made = 0; made < CALLS_PER_CLIENT; made += 1) await decide(key);
  return { alive: decide };
}

/** Made anew each time: a key belongs to the weight of what is kept by it. */
function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, client) => `client-${client}`);
}
