import { CodedError } from "../../contracts/errors.ts";
import { AMOUNT_MAX } from "../../contracts/ledger.ts";

declare const brand: unique symbol;

/**
 * Money that moves: a whole number of minor units, 1 … 2^53-1. Only {@link amountOf} and the
 * delivery's schema make one.
 */
export type Amount = number & { readonly [brand]: "Amount" };

/** The number as an amount. Throws `INVALID`: another worker is outside too. */
export function amountOf(value: number): Amount {
  if (Number.isSafeInteger(value) && value >= 1) return value as Amount;
  const message = `must be a whole number from 1 to ${AMOUNT_MAX}`;
  throw new CodedError("INVALID", "The amount is not valid", { errors: [{ path: "amount", message }] });
}
