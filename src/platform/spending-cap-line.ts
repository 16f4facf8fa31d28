import type { Clock } from "../resilience/clock.ts";

/** As much of a line as is looked at here. */
type LineFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

const MINUTE_MS = 60_000;

/**
 * Tells that the account is at its spending cap: once a minute for an isolate, however much is
 * refused meanwhile. Lines are billed as well, and everything that is refused then is refused for
 * the same reason. What was left out is counted; `of` names the line in whose place it stands.
 */
export function spendingCapLine(
  logger: { error(event: string, fields: LineFields): void },
  now: Clock,
): (event: string, fields: LineFields) => void {
  let nextAtMs = Number.NEGATIVE_INFINITY;
  let leftOut = 0;
  return function tell(event, fields) {
    const nowMs = now();
    // A pause longer than any was begun by a clock that has been set back since.
    if (nowMs < nextAtMs && nextAtMs - nowMs <= MINUTE_MS) {
      leftOut += 1;
      return;
    }
    logger.error("spending cap reached", { ...fields, of: event, leftOut });
    nextAtMs = nowMs + MINUTE_MS;
    leftOut = 0;
  };
}
