import { Ratelimit } from "@upstash/ratelimit";
import { Redis, type UpstashResponse } from "@upstash/redis";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { createClientQuota } from "../../src/resilience/quota/create-client-quota.ts";
import { Gcra } from "../../src/resilience/quota/gcra.ts";
import { quotaFor } from "../../src/resilience/quota/quota-for.ts";
import type { RateAnswer, RateLimit, RateQuota } from "../../src/resilience/quota/rate-limit.ts";
import { answerAsk } from "../../src/resilience/quota/rate-server.ts";

/** Decides one request of a client, at a time given. */
export type Decide = (nowMs: number) => boolean;

/** So much that nobody comes near it. */
export const AMPLE: RateLimit = { limit: 1_000_000, windowMs: 60_000 };
/** For those who are over it: one unit in a window far longer than the benchmark. */
export const SCARCE: RateLimit = { limit: 1, windowMs: 86_400_000 };

export function taking(quota: RateQuota): Decide {
  return (nowMs) => quota.take(nowMs, 1).allowed;
}

export const gcraOf = (limit: RateLimit): Decide => taking(new Gcra(limit));
export const counterOf = (limit: RateLimit): Decide => taking(quotaFor(limit));

/**
 * An isolate's quota with everything its owner does for it; the server answers within the same
 * call.
 */
export function holding(mode: "lease" | "async", limit: RateLimit): Decide {
  const server = quotaFor(limit);
  const quota = createClientQuota(mode, limit, { onUnreachable: "closed" });
  const answer = (nowMs: number, ask: Parameters<typeof answerAsk>[3]): RateAnswer =>
    answerAsk(server, limit, nowMs, ask);
  return (nowMs) => {
    const decision = quota.decide(nowMs, 1) ?? quota.answered(nowMs, 1, answer(nowMs, quota.ask(nowMs, 1)));
    const ask = quota.background(nowMs);
    if (ask !== null) quota.learned(nowMs, answer(nowMs, ask));
    return decision.allowed;
  };
}

/** All clients' quotas by their keys, with the clock read for each decision. */
export function byKey(keys: readonly string[], decideFor: () => Decide): (key: string) => boolean {
  const quotas = new Map(keys.map((key) => [key, decideFor()]));
  return (key) => quotas.get(key)?.(Date.now()) ?? false;
}

/** Rejects with its answer, not with an error, where a client is over the limit. */
export function rateLimiterMemory({ limit, windowMs }: RateLimit): (key: string) => Promise<boolean> {
  const limiter = new RateLimiterMemory({ points: limit, duration: windowMs / 1_000 });
  return async (key) => {
    try {
      await limiter.consume(key);
      return true;
    } catch {
      return false;
    }
  };
}

type UpstashAlgorithm = "cachedFixedWindow" | "slidingWindow";

/**
 * With a Redis that answers at once and always the same: what is left is what the library does by
 * itself.
 */
export function upstash(
  algorithm: UpstashAlgorithm,
  { limit, windowMs }: RateLimit,
  answer: unknown,
): (key: string) => Promise<boolean> {
  const redis = new Redis({ request: async <T>(): Promise<UpstashResponse<T>> => ({ result: answer as T }) });
  // It would set a timer for each decision otherwise.
  const limiter = new Ratelimit({
    redis,
    limiter: Ratelimit[algorithm](limit, `${windowMs} ms`),
    timeout: 0,
  });
  return async (key) => (await limiter.limit(key)).success;
}
