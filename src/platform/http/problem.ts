import {
  FAILED_BELOW_HEADER,
  NO_RETRY_HEADER,
  OVERLOADED_HEADER,
  SPENDING_CAP_HEADER,
} from "../../contracts/internal-request.ts";
import { hintsOf, SPENDING_CAP_RETRY_MS, type TokenFault } from "../../contracts/errors.ts";
import { problemBody } from "../../contracts/problem-body.ts";
import { uriReferenceOf } from "./uri-reference.ts";

interface ProblemContext {
  readonly requestId: string;
  /** Path of the request that failed, as it was sent or decoded. */
  readonly instance: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Members beyond the standard ones (RFC 9457, section 3.2). */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** When to come back where a retry may help and nobody knows better. */
const RETRY_AFTER_DEFAULT_MS = 1_000;

const CHALLENGE = 'Bearer realm="playhead"';
/** Fixed texts: nothing of a token is ever in a header. */
const FAULTY: Readonly<Record<TokenFault, string>> = {
  invalid_token: `${CHALLENGE}, error="invalid_token", error_description="The token is expired, revoked or not valid"`,
  insufficient_scope: `${CHALLENGE}, error="insufficient_scope", error_description="The roles of the token do not allow this"`,
};

/** An error as RFC 9457 `application/problem+json`. */
export function problemResponse(
  error: unknown,
  { requestId, instance, headers, extra }: ProblemContext,
): Response {
  const { retryAfterMs, alreadyRetried, mustNotRetry, failedBelow, tokenFault } = hintsOf(error);
  const body = problemBody(error, { instance: uriReferenceOf(instance), requestId, ...extra });
  const { status, code } = body;
  const all: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    ...headers,
  };
  const challenge = challengeOf(status, tokenFault);
  if (challenge !== null) all["www-authenticate"] = challenge;
  // Also where a layer below has tried again already: later it may succeed. But a call that could
  // not be tried again and was not refused may have been done: to say when to come back would be an
  // invitation to do it twice.
  const mayBeDone = mustNotRetry === true && alreadyRetried !== true;
  const isAtCap = code === "SPENDING_CAP";
  const waitMs = isAtCap
    ? Math.max(retryAfterMs ?? 0, SPENDING_CAP_RETRY_MS)
    : (retryAfterMs ?? (status === 503 && !mayBeDone ? RETRY_AFTER_DEFAULT_MS : undefined));
  if (waitMs !== undefined && (status === 429 || status === 503))
    all["retry-after"] = String(Math.ceil(waitMs / 1000));
  if (mustNotRetry === true && status >= 503) all[NO_RETRY_HEADER] = "1";
  if (failedBelow === true && status >= 503) all[FAILED_BELOW_HEADER] = "1";
  if (code === "OVERLOADED") all[OVERLOADED_HEADER] = "1";
  if (isAtCap) all[SPENDING_CAP_HEADER] = "1";
  return new Response(JSON.stringify(body), { status, headers: all });
}

/**
 * The value of `WWW-Authenticate` (RFC 6750, 3): without an error where no token was presented, or
 * something else was wrong than the token, so that nobody throws a good one away. Null where the
 * answer needs none.
 */
function challengeOf(status: number, fault: TokenFault | undefined): string | null {
  if (status === 401) return fault === "invalid_token" ? FAULTY.invalid_token : CHALLENGE;
  return status === 403 && fault === "insufficient_scope" ? FAULTY.insufficient_scope : null;
}
