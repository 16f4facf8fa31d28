import { codeOf, isRefusal } from "../../contracts/errors.ts";
import type { BackgroundFailure } from "./ports.ts";

/**
 * Tells of failures, but not of calls that were refused before they were made: while the history is
 * left alone thousands come back and ask, and whoever leaves it alone has told why.
 */
export function unlessRefused(tell: BackgroundFailure): BackgroundFailure {
  return (what, error) => {
    if (!isRefusal(codeOf(error))) tell(what, error);
  };
}
