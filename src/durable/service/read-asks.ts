import { ASKS_MAX, policyAskSchema } from "../../contracts/durable-schemas.ts";
import type { PolicyAsk } from "../../contracts/durable.ts";
import { CodedError } from "../../contracts/errors.ts";
import { validateEach } from "../../platform/validate.ts";

/**
 * The questions as the contract has them, null for one that can't be read. Throws `INVALID` where
 * none can, and where one can't be read among takes: those are one question, which has an answer as
 * a whole or not at all.
 */
export function readAsks(given: unknown): readonly (PolicyAsk | null)[] {
  // The schema's optional members may also be there and be undefined, which says the same.
  const asks = validateEach(policyAskSchema, given, "asks", ASKS_MAX) as readonly (PolicyAsk | null)[];
  const unreadable = asks.indexOf(null);
  if (unreadable >= 0 && asks.some((one) => one?.ask.kind === "take")) {
    const errors = [{ path: `asks.${unreadable}`, message: "can't be read, and all takes are one question" }];
    throw new CodedError("INVALID", "Some values are not valid; see errors", { errors });
  }
  return asks;
}
