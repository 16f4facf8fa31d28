import * as z from "zod";
import type { CallContext } from "./call-context.ts";
import { transferIdSchema } from "./ledger.ts";

/** Transfers read at once, at most: few enough that no transfer waits long behind the read. */
export const COMPARED_PER_PAGE_MAX = 200;
/**
 * Transfers that were passed before they had come to rest, at most. Where they are more, nothing
 * further is passed.
 */
export const OPEN_MAX = 1_000;
export const ACCOUNTS_PER_PAGE_MAX = 10;
/** Movements of one account that are read for it, of each kind, at most. */
export const MOVEMENTS_MAX = 15_000;
export const FINDINGS_MAX = 100;

const placeSchema = z.string().regex(/^[0-9a-f-]{0,36}$/, "must be an id, or the beginning of one");
const accountSchema = z.string().max(80);
export const comparedRangeSchema = z.object({
  after: placeSchema,
  before: placeSchema,
  limit: z.int().min(1).max(COMPARED_PER_PAGE_MAX),
});
export const comparedIdsSchema = z.array(transferIdSchema).max(COMPARED_PER_PAGE_MAX);
export const passedSchema = z.object({
  from: placeSchema,
  to: transferIdSchema,
  open: z.array(transferIdSchema).max(OPEN_MAX),
});
export const accountsRangeSchema = z.object({
  after: accountSchema,
  limit: z.int().min(1).max(ACCOUNTS_PER_PAGE_MAX),
});
export const accountPartSchema = z.object({
  account: accountSchema,
  entriesAfter: placeSchema.nullable(),
  transfersAfter: placeSchema.nullable(),
});
export const walkedSchema = z.object({ from: accountSchema, to: accountSchema, cameToEnd: z.boolean() });
export const booksSchema = z.object({ withSums: z.boolean() });
export const explainedSchema = placeSchema;
export const restartSchema = z.object({
  through: placeSchema,
  difference: z.int(),
  equityDifference: z.int(),
});

export type ComparedRange = z.infer<typeof comparedRangeSchema>;
export type PassedStep = z.infer<typeof passedSchema>;
export type AccountsRange = z.infer<typeof accountsRangeSchema>;
export type AccountPart = z.infer<typeof accountPartSchema>;
export type Restart = z.infer<typeof restartSchema>;
export type WalkedStep = z.infer<typeof walkedSchema>;

/** An account of a ledger's own: what is in flight, and what was paid in. */
export type OwnAccount = "clearing" | "equity";

/**
 * All that one ledger has stored about one movement through its clearing account, or out of equity,
 * at one moment. `amount` is that account's entry: more than zero for a debit of the user's, less
 * for a credit. What it has no row of is null.
 */
export interface ComparedRow {
  readonly id: string;
  readonly account: OwnAccount;
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
  /**
   * Of a refunded one: what was booked back. Of a refund: what it takes back, and what has become
   * of that.
   */
  readonly bookedBack: number | null;
  readonly refundedId: string | null;
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
  /** How many there are, the long ones included. */
  readonly accounts: number;
  /**
   * Those with too many movements to be checked beside others, in the order of ids: they are read
   * part by part.
   */
  readonly long: readonly string[];
  /** The last account; null after the last of all. */
  readonly next: string | null;
}

/** So many movements of an account, in the order of ids. */
export interface MovementsPart {
  readonly sum: number;
  readonly count: number;
  /** Those without their counterpart. */
  readonly lonely: readonly string[];
  /** Where the next part begins; null where that was the last. */
  readonly next: string | null;
}

/** An account, and a part of what it must be the sum of, at one moment. */
export interface AccountInPart {
  readonly balance: number;
  readonly inFlight: number;
  /** Is another with each movement. */
  readonly newestEntry: string | null;
  readonly entries: MovementsPart;
  /** Its transfers; the sum is of the pending ones. */
  readonly transfers: MovementsPart;
}

type Movements = Pick<MovementsPart, "sum" | "lonely">;
export type WholeAccount = Pick<AccountInPart, "balance" | "inFlight"> & {
  readonly entries: Movements;
  readonly transfers: Movements;
};

/** Sums of one ledger at one moment, but for `inFlight` and `late`, which are of another. */
export interface LedgerBooks {
  /** Up to where everything had been passed then. */
  readonly through: string;
  readonly clearing: number;
  readonly sumOfEntries: number;
  readonly inFlight: number;
  /**
   * What the clearing account and equity hold beyond their entries; null where that was not asked
   * for, or too many were not passed yet.
   */
  readonly clearingExcess: number | null;
  readonly equityExcess: number | null;
  /**
   * The `clearingExcess` that the walk was begun anew for, and has not explained yet; null where
   * there is none.
   */
  readonly unexplained: number | null;
  /** As that, of the `equityExcess`. */
  readonly unexplainedEquity: number | null;
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
  /** When the walk last came to the last account, ms since the epoch; null before it ever did. */
  readonly walkedAtMs: number | null;
}

export interface ReconciliationPlace extends ReconciliationProgress {
  /** What the ledger's clock says: no single clock gone wrong decides what is old. */
  readonly nowMs: number;
}

/**
 * What a reconciliation asks of a ledger. Each answer is of one moment, and reads a bounded number
 * of rows.
 */
export interface LedgerReconciliation {
  progress(ctx: CallContext): Promise<ReconciliationPlace>;
  compared(ctx: CallContext, range: ComparedRange): Promise<readonly ComparedRow[]>;
  comparedOf(ctx: CallContext, ids: readonly string[]): Promise<readonly ComparedRow[]>;
  checkAccounts(ctx: CallContext, range: AccountsRange): Promise<CheckedAccounts>;
  /**
   * The account in parts, from the places given on; null of a kind that needs no more. Null where
   * there is no such account.
   */
  accountPart(ctx: CallContext, part: AccountPart): Promise<AccountInPart | null>;
  /** Sums need everything that was not passed yet: whoever is far behind asks without. */
  books(ctx: CallContext, which: { readonly withSums: boolean }): Promise<LedgerBooks>;
  /**
   * Moves on from `from` to `to`, unless somebody else has; `open` are those between that have not
   * come to rest.
   */
  passed(ctx: CallContext, step: PassedStep): Promise<void>;
  /** These have come to rest. */
  rested(ctx: CallContext, ids: readonly string[]): Promise<void>;
  /** Moves on from `from` to `to`, unless somebody else has. */
  passedAccounts(ctx: CallContext, step: WalkedStep): Promise<void>;
  /**
   * Begins anew, unless somebody else has moved on from `through`: what was passed is not what was
   * summed, by these differences of clearing and equity.
   */
  restart(ctx: CallContext, restart: Restart): Promise<void>;
  /** There is no such difference any more, unless somebody else has moved on from `through`. */
  explained(ctx: CallContext, through: string): Promise<void>;
}

/** What is wrong with an account, given all that it must be the sum of. */
export function findingsOfAccount(
  id: string,
  { balance, inFlight, entries, transfers }: WholeAccount,
): readonly LedgerFinding[] {
  const findings: LedgerFinding[] = [...entries.lonely, ...transfers.lonely].map((lonely) => ({
    kind: "unbalanced_transfer",
    id: lonely,
  }));
  if (balance !== entries.sum)
    findings.unshift({ kind: "wrong_balance", id, difference: balance - entries.sum });
  if (inFlight !== transfers.sum)
    findings.unshift({ kind: "in_flight", id, difference: inFlight - transfers.sum });
  return findings;
}
