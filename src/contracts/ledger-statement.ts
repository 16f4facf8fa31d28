import * as z from "zod";
import type { TransferView } from "./ledger.ts";
import { ledgerSchema } from "./ledger.ts";

export const STATEMENT_PAGE_MAX = 100;
/** Movements a ledger tells beside a balance, and how many where those were too few. */
export const CUT_MOVEMENTS = 50;
export const CUT_MOVEMENTS_MAX = 500;

const CURSOR_CHARS_MAX = 400;
export const statementCursorSchema = z
  .string()
  .max(CURSOR_CHARS_MAX)
  .regex(/^[\w-]+$/, "must be a cursor of an earlier page");
export const statementQuerySchema = z.object({
  ledger: ledgerSchema.default("wallet"),
  limit: z.coerce.number().pipe(z.int().min(1).max(STATEMENT_PAGE_MAX)).default(20),
  cursor: statementCursorSchema.optional(),
});
/** As one worker asks another. */
export const statementPageSchema = z.object({
  limit: z.int().min(1).max(STATEMENT_PAGE_MAX),
  cursor: statementCursorSchema.nullable(),
});
export const cutMovementsSchema = z.int().min(1).max(CUT_MOVEMENTS_MAX);

/**
 * One movement on a user's account. `amount` is signed; `balance` is what there was after it. A
 * reversal takes a deposit back, a refund gives a transfer back.
 */
export interface StatementItem {
  readonly at: number;
  readonly amount: number;
  readonly balance: number;
  readonly kind: "transfer" | "deposit" | "reversal" | "refund";
  readonly transferId?: string;
  readonly depositId?: string;
}

export interface StatementPage {
  readonly items: readonly StatementItem[];
  readonly nextCursor?: string;
}

/**
 * One user's money in one ledger at one moment, with as much of how it came there as tells what the
 * other ledger's moment has in common with it: all movements of transfers whose ids are not less
 * than `since`, '' where that is all there ever were. A debit says what has become of its transfer.
 */
export interface FundsCut {
  readonly balance: number;
  readonly inFlight: number;
  /** What came from outside, less what was taken back. */
  readonly paidIn: number;
  readonly movements: readonly {
    readonly id: string;
    readonly amount: number;
    readonly outcome: Exclude<TransferView["status"], "parked"> | null;
  }[];
  readonly since: string;
}
