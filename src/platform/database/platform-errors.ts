import { CodedError, codeOf, hintsOf, isCode, SPENDING_CAP_RETRY_MS, wrap } from "../../contracts/errors.ts";

/*
 * What the platform's own errors mean, which come without a code of ours: the one place where D1's
 * and a Durable Object's get one.
 */

/*
 * SQLite's words for a value that a column refuses, in the code it adds or, where it adds only the
 * general one, in its sentence. Nothing else is a record's own fault: no JSON that can't be read,
 * no text that is too big, no column that isn't there. Those are ours.
 */
const REFUSED_VALUE =
  /SQLITE_CONSTRAINT_(?:CHECK|NOTNULL|DATATYPE)|(?:CHECK|NOT NULL) constraint failed|cannot store \w+ value in \w+ column/;

/**
 * SQLite's words for a statement that will be refused however often it is tried, whoever is at
 * fault.
 */
const REFUSED_STATEMENT =
  /SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)|malformed JSON|datatype mismatch|string or blob too big/i;

/**
 * The platform's words where the account has reached what it may spend on a product; which product
 * follows ("… for Durable Objects"). An older service of ours may have given such an error another
 * code and have it among its causes.
 */
const AT_THE_CAP = /exceeded the account.s spending cap/i;

/** How deep a chain of causes is followed, as far as `contracts/errors.ts` does. */
const CAUSE_DEPTH_MAX = 16;

/**
 * Whether a call was refused because the account is at its spending cap, whoever was asked. The
 * words of an error that has a code are ours, and may repeat a client's.
 */
export function isAtSpendingCap(error: unknown): boolean {
  return isCode(error, "SPENDING_CAP") || saysSo(error, AT_THE_CAP, hasNoCode);
}

/**
 * The same as an error of ours: nothing was done, nobody tries again for minutes, and nobody on the
 * way is ill. Null where the error is another one.
 */
export function spendingCapError(cause: unknown, what: string): CodedError | null {
  if (!isAtSpendingCap(cause)) return null;
  const { retryAfterMs = 0 } = hintsOf(cause);
  return new CodedError("SPENDING_CAP", what, {
    cause,
    retryAfterMs: Math.max(retryAfterMs, SPENDING_CAP_RETRY_MS),
    mustNotRetry: true,
    failedBelow: true,
  });
}

/**
 * A failed D1 call as an error of ours: `INVALID` where a value is at fault, `INTERNAL` where the
 * statement is, `SPENDING_CAP` where the account may spend no more, `UNAVAILABLE` where trying
 * again may help, or what its guard says.
 */
export function d1Error(cause: unknown, what: string): CodedError {
  const capped = spendingCapError(cause, what);
  if (capped !== null) return capped;
  if (saysSo(cause, REFUSED_VALUE)) return wrap(cause, what, "INVALID");
  if (isRefusedByD1(cause) || isCode(cause, "INVALID")) return refusedForGood(cause, what);
  const code = codeOf(cause);
  return wrap(cause, what, code === "INTERNAL" ? "UNAVAILABLE" : code);
}

/**
 * Our bug, and that of one call: whoever passes it on is well, and to send it again is of no use.
 */
function refusedForGood(cause: unknown, what: string): CodedError {
  return new CodedError("INTERNAL", what, {
    ...hintsOf(cause),
    cause,
    failedBelow: true,
    mustNotRetry: true,
  });
}

/**
 * Whether the statement or its data are refused, by a database that is well: no breaker may take it
 * for a failure.
 */
export function isRefusedByD1(error: unknown): boolean {
  return saysSo(error, REFUSED_STATEMENT) || saysSo(error, REFUSED_VALUE);
}

/**
 * A failed call of a Durable Object as an error of ours: the object's own where it has a code,
 * `OVERLOADED` or `SPENDING_CAP` where the platform says so, `UNAVAILABLE` where the object could
 * not be reached.
 */
export function objectError(cause: unknown, what: string): unknown {
  const capped = spendingCapError(cause, what);
  if (capped !== null) return capped;
  if (codeOf(cause) !== "INTERNAL") return cause;
  const isOverloaded = (cause as { overloaded?: unknown } | null)?.overloaded === true;
  return wrap(cause, what, isOverloaded ? "OVERLOADED" : "UNAVAILABLE");
}

function hasNoCode(cause: Error): boolean {
  return typeof (cause as { readonly code?: unknown }).code !== "string";
}

function saysSo(error: unknown, words: RegExp, isOf: (cause: Error) => boolean = () => true): boolean {
  let current = error;
  for (let depth = 0; depth < CAUSE_DEPTH_MAX && current instanceof Error; depth += 1) {
    if (isOf(current) && words.test(current.message)) return true;
    current = current.cause;
  }
  return false;
}
