import { codeOf, wrap, type CodedError } from "../../contracts/errors.ts";

/** SQLite's words for a value that will be refused however often it is tried. */
const PERMANENT = /SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)|malformed JSON|datatype mismatch|string or blob too big/i;

/** A failed D1 call as an error of ours: `INVALID` where the data is at fault, `UNAVAILABLE` where trying again may help, or what its guard says. */
export function d1Error(cause: unknown, what: string): CodedError {
  if (isDataFault(cause)) return wrap(cause, what, "INVALID");
  const code = codeOf(cause);
  return wrap(cause, what, code === "INTERNAL" ? "UNAVAILABLE" : code);
}

/** Whether the statement or its data are refused, by a database that is well. */
export function isDataFault(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) if (PERMANENT.test(current.message)) return true;
  return false;
}
