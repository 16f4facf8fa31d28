import * as z from "zod";
import { LEDGERS } from "./ledger.ts";

/* The audit trail: who changed what, kept for good by each service that has something to change. */

export const AUDIT_SOURCES = ["identity", ...LEDGERS] as const;
export type AuditSource = (typeof AUDIT_SOURCES)[number];

const LINES_PER_PAGE_MAX = 100;
/** The id of the last line seen: ids are UUIDv7, so their order is that of time. */
const cursorSchema = z.uuid();

/** Whose trail: `ledger=wallet` is short for `source=wallet`; identity's if neither is given. */
export const auditQuerySchema = z
  .object({
    source: z.enum(AUDIT_SOURCES).optional(),
    ledger: z.enum(LEDGERS).optional(),
    limit: z.coerce.number().pipe(z.int().min(1).max(LINES_PER_PAGE_MAX)).default(20),
    cursor: cursorSchema.optional(),
  })
  .refine(({ source, ledger }) => source === undefined || ledger === undefined, {
    path: ["source"],
    message: "give source or ledger, not both",
  });

/** Between workers a page is asked for with one more, which tells whether another follows. */
export const auditPageSchema = z.object({
  limit: z
    .int()
    .min(1)
    .max(LINES_PER_PAGE_MAX + 1),
  cursor: cursorSchema.optional(),
});

export type AuditPage = Readonly<z.infer<typeof auditPageSchema>>;

/** Who changes something, when, and the id of the line that says so: written with the change. */
export interface AuditLine {
  readonly id: string;
  readonly atMs: number;
  /** The operator's user id. */
  readonly actor: string;
}

/** A line of the trail as operators read it. */
export interface AuditView {
  readonly id: string;
  readonly at: number;
  /** The operator's user id. */
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  /** What was changed, by the action. */
  readonly detail: unknown;
}
