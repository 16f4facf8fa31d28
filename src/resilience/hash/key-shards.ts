import type { QuotaMode } from "../quota/client-quota.ts";
import { type RateLimit, requireRateLimit } from "../quota/rate-limit.ts";
import { requireIntegerIn } from "../require-number-in.ts";

/** What one object answers with room to spare, in calls/s. */
const CALLS_PER_S_MAX = 300;
const SHARDS_MAX = 16;

/**
 * Calls per admitted unit where it is used fast enough to matter: a lease brings at least four, a
 * report tells of as many and more.
 */
const CALLS_PER_UNIT: Readonly<Record<QuotaMode, number>> = { strict: 1, lease: 1 / 4, async: 1 / 16 };

/**
 * Over how many objects a client's key is split, so that none sees more than 300 calls/s at the
 * limit: at most 16, and never more than there are units. A split costs accuracy (the part of one
 * shard may run out while another has units left), so it is the exception.
 *
 * @throws RangeError for a limit or window out of range
 */
export function shardsFor(limit: RateLimit, mode: QuotaMode): number {
  requireRateLimit(limit);
  const callsPerS = (limit.limit / limit.windowMs) * 1000 * CALLS_PER_UNIT[mode];
  return Math.min(SHARDS_MAX, limit.limit, Math.max(1, Math.ceil(callsPerS / CALLS_PER_S_MAX)));
}

/**
 * The part of one shard: limit / shards, the remainder spread over the first ones, so that the
 * parts sum up to the limit.
 *
 * @throws RangeError unless 1 <= shards <= min(16, limit) and 0 <= shard < shards
 */
export function shareOf(limit: RateLimit, shard: number, shards: number): RateLimit {
  requireRateLimit(limit);
  requireIntegerIn("shards", shards, 1, Math.min(SHARDS_MAX, limit.limit));
  requireIntegerIn("shard", shard, 0, shards - 1);
  const units = Math.floor(limit.limit / shards) + (shard < limit.limit % shards ? 1 : 0);
  return { limit: units, windowMs: limit.windowMs };
}
