import { USEFUL_MS_MIN } from "../deadline.ts";

interface BackoffOptions {
  readonly baseMs?: number;
  readonly factor?: number;
  readonly capMs?: number;
}

/**
 * The pause before the try after `attempt` (from 1), in ms: anything up to base × factor^(attempt −
 * 1), at most the cap. Full jitter: of all kinds it makes the fewest calls collide (Marc Brooker,
 * "Exponential Backoff And Jitter", AWS 2015).
 *
 * @param random - in [0, 1)
 */
export function backoffMs(
  attempt: number,
  random: number,
  { baseMs = 25, factor = 2, capMs = 250 }: BackoffOptions = {},
): number {
  return random * Math.min(capMs, baseMs * factor ** (attempt - 1));
}

/**
 * The longest pause of who has no deadline, in ms: an object that waits is awake and billed, and
 * whoever calls it next asks again.
 */
const ENDLESS_PAUSE_MS_MAX = 2_000;

interface NextAttemptInput {
  /** The try that has just failed, from 1. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** What is left of the request's time, in ms. */
  readonly remainingMs: number;
  /** In [0, 1). */
  readonly random: number;
  /** What the upstream asked for; wins over the backoff. */
  readonly retryAfterMs?: number;
  /** What must be left for the try after its pause, in ms; 10 if absent. */
  readonly usefulMs?: number;
}

/**
 * How long to wait before the next try, in ms; null where there is none: tries or time are used up,
 * or nothing bounds a pause that is long.
 */
export function nextAttempt({
  attempt,
  attemptsMax,
  remainingMs,
  random,
  retryAfterMs,
  usefulMs = USEFUL_MS_MIN,
}: NextAttemptInput): number | null {
  if (attempt >= attemptsMax) return null;
  const delayMs = Math.max(0, retryAfterMs ?? backoffMs(attempt, random));
  if (remainingMs === Number.POSITIVE_INFINITY && delayMs > ENDLESS_PAUSE_MS_MAX) return null;
  return remainingMs >= delayMs + usefulMs ? delayMs : null;
}
