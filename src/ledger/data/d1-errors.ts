/** SQLite's words for a statement or a value that it will refuse however often it is tried. */
const REFUSED = /SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/;

/** Whether a database that is well refused what it was given. */
export function isDataFault(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause)
    if (REFUSED.test(current.message)) return true;
  return false;
}
