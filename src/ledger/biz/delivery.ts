import * as z from "zod";
import { AMOUNT_MAX, ledgerSchema, transferIdSchema } from "../../contracts/ledger.ts";
import type { Amount } from "./amount.ts";

/** Longer than any digest of ours. */
const KEY_DIGEST_CHARS_MAX = 64;

/**
 * Money on its way, as it lies in the queue. Whatever reads it may be of an older or newer version
 * than what wrote it.
 */
export const deliverySchema = z.object({
  v: z.literal(1),
  transferId: transferIdSchema,
  from: ledgerSchema,
  userId: z.string().min(1).max(64),
  amount: z
    .int()
    .min(1)
    .max(AMOUNT_MAX)
    .transform((value) => value as Amount),
  /** Which send this is, from 1 on. */
  attempt: z.int().min(1),
  /**
   * What the receiver knows the key by under which this was sent; absent from messages of the
   * release before.
   */
  keyDigest: z.string().min(1).max(KEY_DIGEST_CHARS_MAX).optional(),
});

export type Delivery = z.infer<typeof deliverySchema>;

/** As much as is needed to tell the origin that its message can't be read. */
export const unreadableDeliverySchema = z.object({ transferId: transferIdSchema, attempt: z.int().min(1) });
