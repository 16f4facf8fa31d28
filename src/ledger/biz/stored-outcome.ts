import * as z from "zod";
import { CodedError } from "../../contracts/errors.ts";
import { storedOutcomeSchema } from "../../contracts/ledger-arguments.ts";
import type { StoredOutcome } from "./ports.ts";

const wordSchema = z.string().max(64);

/**
 * What somebody says is stored about a delivery. Whether money is booked back hangs on it, so a
 * word that this release doesn't know is no `void`: it throws `CONFLICT`, and nothing is done.
 *
 * @param who - said it, for whoever reads the error
 */
export function readStoredOutcome(word: unknown, who: string): StoredOutcome {
  const stored = storedOutcomeSchema.safeParse(word);
  if (stored.success) return stored.data;
  const shown = wordSchema.safeParse(word);
  throw new CodedError(
    "CONFLICT",
    `${who} says "${shown.data ?? "?"}" of a delivery, which this release does not know: nothing was done`,
  );
}
