import * as z from "zod";
import { AMOUNT_MAX, ledgerSchema } from "../../contracts/ledger.ts";
import type { Amount } from "./amount.ts";

/** Money on its way, as it lies in the queue. Whatever reads it may be of an older or newer version than what wrote it. */
export const deliverySchema = z.object({
  v: z.literal(1),
  transferId: z.uuid(),
  from: ledgerSchema,
  userId: z.string().min(1).max(64),
  amount: z
    .int()
    .min(1)
    .max(AMOUNT_MAX)
    .transform((value) => value as Amount),
  /** Which send this is, from 1 on. */
  attempt: z.int().min(1),
});

export type Delivery = z.infer<typeof deliverySchema>;

/** As much as is needed to tell the origin that its message can't be read. */
export const unreadableDeliverySchema = z.object({ transferId: z.uuid(), attempt: z.int().min(1) });
