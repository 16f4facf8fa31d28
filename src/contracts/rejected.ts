import * as z from "zod";

/**
 * Records that a database of the history has refused: set aside with the reason, for operators to
 * look at and to try again.
 */

export const REJECTED_PER_PAGE_MAX = 100;
/** Records one redrive tries. */
export const REDRIVEN_MAX = 100;

const textSchema = z.string().min(1).max(256);

export const rejectedQuerySchema = z.object({
  limit: z.coerce.number().pipe(z.int().min(1).max(REJECTED_PER_PAGE_MAX)).default(20),
  /** Opaque to clients. */
  cursor: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,6000}$/, "is not a cursor of ours")
    .optional(),
});

/** The same when it reaches history: nothing is left to a default any more. */
export const rejectedCallSchema = rejectedQuerySchema.extend({
  limit: z.int().min(1).max(REJECTED_PER_PAGE_MAX),
});

/** Names a record that was set aside. What a listing says beside it may stay. */
const rejectedKeySchema = z.object({
  userId: textSchema,
  kind: textSchema,
  itemId: textSchema,
  rev: z.int().min(1),
});

export const redriveRejectedSchema = z
  .object({
    items: z.array(rejectedKeySchema).min(1).max(REDRIVEN_MAX).optional(),
    all: z.literal(true).optional(),
    dryRun: z.boolean().optional(),
  })
  .refine(({ items, all }) => (items === undefined) !== (all === undefined), {
    path: ["items"],
    message: "give either items or all",
  });

export type RejectedQuery = z.infer<typeof rejectedQuerySchema>;
export type RejectedKey = Readonly<z.infer<typeof rejectedKeySchema>>;
export type RedriveRejected = z.infer<typeof redriveRejectedSchema>;

/** The cell in whose database something was found; absent: `main`. */
interface InCell {
  readonly cell?: string;
}

export interface RejectedRecord extends RejectedKey, InCell {
  /** Number of the database that refused it, among those of its cell. */
  readonly database: number;
  readonly reason: string;
  /** When it was refused, the last time. */
  readonly at: number;
  /** As the shard gave it. */
  readonly record: unknown;
}

export interface RejectedPage {
  readonly items: readonly RejectedRecord[];
  readonly nextCursor?: string;
}

export interface RedriveReceipt {
  /**
   * Written, or not needed any more; of a dry run what would be tried. They are set aside no
   * longer.
   */
  readonly redriven: readonly (RejectedKey & InCell)[];
  /** Refused again; they stay, with this reason. */
  readonly refused: readonly (RejectedKey & InCell & { readonly reason: string })[];
  /** Whether there are others that were not tried. */
  readonly more: boolean;
}
