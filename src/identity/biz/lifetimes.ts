import { ACCESS_TOKEN_TTL_MS } from "../../contracts/internal-request.ts";

/**
 * A session ends this long after its last refresh: the window slides. A refresh token lives as long
 * as the session it would extend.
 */
export const SESSION_TTL_MS = 30 * 24 * 60 * 60_000;

/**
 * Refreshes of one session, a minute. An access token lives for ten, so a client that keeps to its
 * `expiresIn` makes one in that time.
 */
export const REFRESHES_PER_MINUTE = 10;

/** How far the clocks of two machines may be apart. */
export const CLOCK_SKEW_MS = 300_000;

/**
 * After this long a revoked session no longer matters: each access token it ever got has expired on
 * every clock.
 */
export const REVOCATION_RELEVANT_MS = ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS;

/**
 * What gateways go by is 12 s old at most, so a key that waits this long is known to all of them
 * when it first signs.
 */
export const KEY_LEAD_MS = 15_000;

/**
 * How long an isolate may sign by a key list it has read. Well below {@link KEY_LEAD_MS}, so that
 * all isolates switch together.
 */
export const KEY_LIST_TTL_MS = 5_000;

/**
 * Keys that may verify at once. Each rotation adds one, and each leaves some fifteen minutes after
 * its successor starts to sign.
 */
export const KEYS_LIVE_MAX = 4;

/** A key that replaces unreadable ones is made at most this often, whatever goes wrong. */
export const KEY_REPLACEMENT_SPACING_MS = 15_000;

/**
 * A replacement is not refused for the unreadable keys that still verify; but even then there is an
 * end.
 */
export const KEYS_LIVE_MAX_REPLACING = 2 * KEYS_LIVE_MAX;

/** How far a pull of the revocation list reaches back behind the one before it. */
export const REVOCATION_OVERLAP_MS = 5_000;

/**
 * An erasure is tried again after one minute, then twice as late each time, but at least once an
 * hour, for ever.
 */
const ERASURE_RETRY_MS_MIN = 60_000;
const ERASURE_RETRY_MS_MAX = 60 * 60_000;

/**
 * No erasure is put off for longer, whatever machine's clock did it: what lies further ahead was
 * put there by a clock gone wrong.
 */
export const ERASURE_AHEAD_MS_MAX = ERASURE_RETRY_MS_MAX + CLOCK_SKEW_MS;

/** The pause after the given number of attempts, in ms. */
export function erasureRetryMs(attempts: number): number {
  return Math.min(ERASURE_RETRY_MS_MAX, ERASURE_RETRY_MS_MIN * 2 ** Math.min(attempts - 1, 16));
}
