import { CodedError, isCode } from "../../contracts/errors.ts";

const RETRY_MS = 1_000;

/**
 * What a shard says that needs what D1 didn't give, by why it didn't. It is no fault of the
 * shard's, whose breaker must not open for it.
 */
export function notLoaded(failure?: unknown): CodedError {
  const code = isCode(failure, "SPENDING_CAP") ? "SPENDING_CAP" : "UNAVAILABLE";
  return new CodedError(code, "The user's history cannot be loaded now", {
    cause: failure,
    failedBelow: true,
    ...(code === "UNAVAILABLE" && { retryAfterMs: RETRY_MS }),
  });
}
