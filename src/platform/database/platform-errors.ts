import { CodedError, codeOf, hintsOf, isCode, wrap } from "../../contracts/errors.ts";

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
 * A failed D1 call as an error of ours: `INVALID` where a value is at fault, `INTERNAL` where the
 * statement is, `UNAVAILABLE` where trying again may help, or what its guard says.
 */
export function d1Error(cause: unknown, what: string): CodedError {
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
 * `OVERLOADED` where the platform says so, `UNAVAILABLE` where the object could not be reached.
 */
export function objectError(cause: unknown, what: string): unknown {
  if (codeOf(cause) !== "INTERNAL") return cause;
  const isOverloaded = (cause as { overloaded?: unknown } | null)?.overloaded === true;
  return wrap(cause, what, isOverloaded ? "OVERLOADED" : "UNAVAILABLE");
}

function saysSo(error: unknown, words: RegExp): boolean {
  for (let current = error; current instanceof Error; current = current.cause)
    if (words.test(current.message)) return true;
  return false;
}
