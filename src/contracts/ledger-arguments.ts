import * as z from "zod";
import { accountStateSchema, redriveCursorSchema } from "./ledger-operators.ts";
import {
  CHANGES_PER_PAGE_MAX,
  MESSAGES_PER_PAGE_MAX,
  outboxQuerySchema,
  transferIdSchema,
  TRANSFERS_PER_PAGE_MAX,
} from "./ledger.ts";

/*
 * What a ledger's RPC methods take, as other workers' word for it. What clients may send is in
 * `ledger.ts`.
 */

/** Between workers a page is asked for with one more, which tells whether another follows. */
const pageSize = (max: number) =>
  z
    .int()
    .min(1)
    .max(max + 1);
export const transfersPageSchema = z.object({
  limit: pageSize(TRANSFERS_PER_PAGE_MAX),
  cursor: transferIdSchema.nullable(),
});
export const outboxPageSchema = outboxQuerySchema
  .omit({ ledger: true })
  .extend({ limit: pageSize(MESSAGES_PER_PAGE_MAX) });
export const changesPageSchema = z.object({
  after: z.int().min(0),
  limit: z.int().min(1).max(CHANGES_PER_PAGE_MAX),
  asPage: z.boolean().default(false),
});
export const redriveWhichSchema = z.union([
  z.object({ ids: z.array(transferIdSchema).min(1).max(MESSAGES_PER_PAGE_MAX) }),
  z.object({ status: z.literal("parked"), cursor: redriveCursorSchema.optional() }),
]);
export const dryRunSchema = z.boolean();
export const accountStateOnlySchema = accountStateSchema.shape.state;
/** A key as it travels between workers, taken out of its quotes. */
export const idempotencyKeySchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, "must be 1-128 visible characters");

/** A user as a ledger knows them: an opaque name. */
export const ownerSchema = z.string().min(1).max(64);

/** What is stored about a delivery, as the other ledger's word for it. */
export const storedOutcomeSchema = z.enum(["credited", "void"]);

/** A report of a delivery, as the other ledger's word for it. */
export const deliveryReportSchema = z.discriminatedUnion("result", [
  z.object({ transferId: transferIdSchema, result: storedOutcomeSchema }),
  z.object({
    transferId: transferIdSchema,
    result: z.literal("failed"),
    attempt: z.int().min(1),
    reason: z.string().max(1_000),
    permanent: z.boolean(),
  }),
]);
