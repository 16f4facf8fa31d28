import type { RateLimit } from "./rate-limit.ts";

const SLACK_PART = 1 / 4;
const SLACK_UNITS = 3;
/** What a message to the server may take (ms). */
export const WAY_MS = 50;

/**
 * How late units may be told of (ms), negative where not at all. What is counted late is counted
 * for longer: the server takes it for new. A client at 4/5 of the limit must not be refused for
 * that. It has a quarter of its use to spare, less what comes unevenly and what is used on the way
 * to the server.
 */
export function countSlackMs({ limit, windowMs }: RateLimit): number {
  return windowMs * (SLACK_PART - SLACK_UNITS / limit) - WAY_MS;
}
