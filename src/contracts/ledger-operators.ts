import * as z from "zod";
import { ledgerSchema, transferIdSchema } from "./ledger.ts";

/*
 * What operators ask of messages that were given up, held back or redriven, and of the audit trail.
 */

export const LETTERS_PER_PAGE_MAX = 100;
/** Messages one redrive takes, or one order to park. */
export const MESSAGES_PER_ORDER_MAX = 100;

const pageLimit = (max: number) => z.coerce.number().pipe(z.int().min(1).max(max)).default(20);
/** A letter's id is its message's in the queue: whatever the platform calls it. */
export const letterIdSchema = z.string().regex(/^[!-~]{1,128}$/, "is no id of a dead letter");
/** `<at>.<id>` of the last one seen. */
const letterCursorSchema = z.string().regex(/^\d{1,16}\.[!-~]{1,128}$/, "is not a cursor of ours");
const letterIdsSchema = z.array(letterIdSchema).min(1).max(LETTERS_PER_PAGE_MAX);

export const deadLettersQuerySchema = z.object({
  ledger: ledgerSchema,
  limit: pageLimit(LETTERS_PER_PAGE_MAX),
  cursor: letterCursorSchema.optional(),
});
export const redriveLettersSchema = z
  .strictObject({
    ledger: ledgerSchema,
    ids: letterIdsSchema.optional(),
    all: z.literal(true).optional(),
    cursor: letterCursorSchema.optional(),
    dryRun: z.boolean().optional(),
  })
  .refine(({ ids, all }) => (ids === undefined) !== (all === undefined), {
    path: ["ids"],
    message: "give either ids or all",
  })
  .refine(({ all, cursor }) => cursor === undefined || all === true, {
    path: ["cursor"],
    message: "goes with all",
  });

export const parkSchema = z.strictObject({
  ledger: ledgerSchema,
  ids: z.array(transferIdSchema).min(1).max(MESSAGES_PER_ORDER_MAX),
});

/** `<the walk's beginning>.<driven at>.<id>` of the last one redriven. */
export const redriveCursorSchema = z
  .string()
  .regex(
    /^\d{1,16}\.\d{1,16}\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    "is not a cursor of ours",
  );
export const redriveSchema = z
  .strictObject({
    ledger: ledgerSchema,
    ids: z.array(transferIdSchema).min(1).max(MESSAGES_PER_ORDER_MAX).optional(),
    status: z.literal("parked").optional(),
    cursor: redriveCursorSchema.optional(),
    dryRun: z.boolean().optional(),
  })
  .refine(({ ids, status }) => (ids === undefined) !== (status === undefined), {
    path: ["ids"],
    message: "give either ids or status",
  })
  .refine(({ status, cursor }) => cursor === undefined || status !== undefined, {
    path: ["cursor"],
    message: "goes with status",
  });
/**
 * A closed account takes no money, a frozen one neither takes nor sends. Without `ledger` it is
 * about the accounts in both.
 */
export const ACCOUNT_STATES = ["open", "closed", "frozen"] as const;
export type AccountState = (typeof ACCOUNT_STATES)[number];
export const accountStateSchema = z.strictObject({
  ledger: ledgerSchema.optional(),
  state: z.enum(ACCOUNT_STATES),
});

/** Between workers a page is asked for with one more, which tells whether another follows. */
export const lettersPageSchema = z.object({
  limit: z
    .int()
    .min(1)
    .max(LETTERS_PER_PAGE_MAX + 1),
  cursor: letterCursorSchema.optional(),
});
export const lettersNamedSchema = letterIdsSchema;
export const parkIdsSchema = parkSchema.shape.ids;

export type PageQuery = Readonly<{ limit: number; cursor?: string | undefined }>;

/** A delivery that the queue gave up on or nobody could read, at the ledger that it was sent to. */
export interface DeadLetter {
  readonly id: string;
  /** The transfer it is about; null where it doesn't say. */
  readonly transferId: string | null;
  readonly reason: string;
  readonly attempts: number;
  readonly at: number;
  /** As it came; the beginning of its text where it was too long to be kept. */
  readonly body: unknown;
}

export interface LettersRedriven {
  /** Their messages are due at the ledger that sent them. */
  readonly redriven: readonly string[];
  /**
   * Nothing is under way for these any more: they have arrived, or the money has been booked back.
   */
  readonly ended: readonly string[];
  /** They say no transfer, and stay. */
  readonly unreadable: readonly string[];
  readonly nextCursor?: string;
}

export interface MessagesRedriven {
  readonly redriven: readonly string[];
  /** Asked with it, the next redrive goes on behind these. */
  readonly nextCursor?: string;
}

/**
 * Which messages a redrive is about: the given ones, or those parked, whoever was driven longest
 * ago first.
 */
export type RedriveWhich =
  | { readonly ids: readonly string[] }
  | { readonly status: "parked"; readonly cursor?: string | undefined };
