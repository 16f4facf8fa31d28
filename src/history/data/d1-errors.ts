import { wrap, type CodedError } from "../../contracts/errors.ts";

/** SQLite's words for a value that will be refused however often it is tried. */
const PERMANENT = /SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)|malformed JSON|datatype mismatch|string or blob too big/i;

/** A failed D1 call as an error of ours: `INVALID` where the data is at fault, `UNAVAILABLE` where trying again may help. */
export function d1Error(cause: unknown, what: string): CodedError {
  return wrap(cause, what, isDataFault(cause) ? "INVALID" : "UNAVAILABLE");
}

function isDataFault(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) if (PERMANENT.test(current.message)) return true;
  return false;
}
