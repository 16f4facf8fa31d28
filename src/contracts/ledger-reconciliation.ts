import * as z from "zod";
import type { CallContext } from "./call-context.ts";
import { transferIdSchema } from "./ledger.ts";

/** Transfers read at once: few enough that no transfer waits long behind the read. */
export const COMPARED_PER_PAGE_MAX = 200;
/** Transfers that were passed before they had come to rest, at most. Where they are more, nothing further is passed. */
export const OPEN_MAX = 1_000;
export const ACCOUNTS_PER_PAGE_MAX = 50;
export const FINDINGS_MAX = 100;

const placeSchema = z.string().regex(/^[0-9a-f-]{0,36}$/, "must be an id, or the beginning of one");
const accountSchema = z.string().max(80);
export const comparedRangeSchema = z.object({ after: placeSchema, before: placeSchema, limit: z.int().min(1).max(COMPARED_PER_PAGE_MAX) });
export const comparedIdsSchema = z.array(transferIdSchema).max(COMPARED_PER_PAGE_MAX);
export const passedSchema = z.object({
  from: placeSchema,
  to: transferIdSchema,
  open: z.array(transferIdSchema).max(2 * COMPARED_PER_PAGE_MAX),
});
export const accountsRangeSchema = z.object({ after: accountSchema, limit: z.int().min(1).max(ACCOUNTS_PER_PAGE_MAX) });
export const accountPlaceSchema = accountSchema;

export type ComparedRange = z.infer<typeof comparedRangeSchema>;
export type PassedStep = z.infer<typeof passedSchema>;
export type AccountsRange = z.infer<typeof accountsRangeSchema>;

/**
 * All that one ledger has stored about one movement through its clearing account, or out of equity, at one moment. `amount` is that account's entry: more than zero
 * for a debit of the user's, less for a credit. What it has no row of is null.
 */
export interface ComparedRow {
  readonly id: string;
  readonly account: "clearing" | "equity";
  /** Whose account is on the other side, and its entry. */
  readonly userId: string;
  readonly amount: number;
  readonly counter: number | null;
  /** The user's own transfer of that id: as it was asked for, and what has become of it. */
  readonly operation: "transfer" | "refund" | null;
  readonly promised: number | null;
  readonly outcome: "pending" | "settled" | "refunded" | "failed" | null;
  /** Its message under way. */
  readonly messageUserId: string | null;
  readonly messageAmount: number | null;
  /** Of a refunded one: what was booked back. Of a refund: what it takes back, and what has become of that. */
  readonly bookedBack: number | null;
  readonly refundedOutcome: string | null;
  readonly refundedAmount: number | null;
}

export type MismatchKind =
  | "unbalanced_transfer"
  | "wrong_balance"
  | "late_message"
  | "credit_without_transfer"
  | "transfer_without_credit"
  | "wrong_user"
  | "wrong_amount"
  | "wrong_outcome"
  | "in_flight"
  | "sum_of_entries"
  | "clearing";

/** What is wrong in one ledger by itself. */
export interface LedgerFinding {
  readonly kind: MismatchKind;
  readonly id?: string;
  readonly difference?: number;
}

/** Some accounts, held against their entries and transfers, each at one moment. */
export interface CheckedAccounts {
  readonly findings: readonly LedgerFinding[];
  readonly accounts: number;
  /** Movements that were read for it. */
  readonly movements: number;
  /** Accounts with so many movements that they were not read. */
  readonly unchecked: number;
  /** The last account; null after the last of all. */
  readonly next: string | null;
}

/** Sums of one ledger at one moment. */
export interface LedgerBooks {
  readonly clearing: number;
  readonly sumOfEntries: number;
  readonly inFlight: number;
  /** What the clearing account and equity hold beyond their entries; null where too many were not passed yet. */
  readonly clearingExcess: number | null;
  readonly equityExcess: number | null;
  /** Messages that have been under way for longer than they may. */
  readonly late: readonly string[];
}

export interface ReconciliationProgress {
  /** Every transfer up to this id was compared. */
  readonly through: string;
  /** Those of them that had not come to rest. */
  readonly open: readonly string[];
  /** The last account looked at. */
  readonly account: string;
}

/** What a reconciliation asks of a ledger. Each answer is of one moment, and reads a bounded number of rows. */
export interface LedgerReconciliation {
  progress(ctx: CallContext): Promise<ReconciliationProgress>;
  compared(ctx: CallContext, range: ComparedRange): Promise<readonly ComparedRow[]>;
  comparedOf(ctx: CallContext, ids: readonly string[]): Promise<readonly ComparedRow[]>;
  checkAccounts(ctx: CallContext, range: AccountsRange): Promise<CheckedAccounts>;
  books(ctx: CallContext): Promise<LedgerBooks>;
  /** Moves on from `from` to `to`, unless somebody else has; `open` are those between that have not come to rest. */
  passed(ctx: CallContext, step: PassedStep): Promise<void>;
  /** These have come to rest. */
  rested(ctx: CallContext, ids: readonly string[]): Promise<void>;
  passedAccounts(ctx: CallContext, account: string): Promise<void>;
  /** Begins anew: what was passed is not what was summed. */
  restart(ctx: CallContext): Promise<void>;
}
