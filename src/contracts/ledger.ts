import * as z from "zod";
import type { AuditView, AuditPage } from "./audit.ts";
import type { CallContext } from "./call-context.ts";
import type {
  AccountState,
  DeadLetter,
  MessagesRedriven,
  PageQuery,
  RedriveWhich,
} from "./ledger-operators.ts";
import type { LedgerReconciliation } from "./ledger-reconciliation.ts";
import type { FundsCut, StatementPage } from "./ledger-statement.ts";

export const LEDGERS = ["wallet", "savings"] as const;
export type LedgerName = (typeof LEDGERS)[number];

/** The other of the two. */
export function peerOf(ledger: LedgerName): LedgerName {
  return ledger === "wallet" ? "savings" : "wallet";
}

/**
 * Money is a whole number of minor units (cents) that a double holds exactly:
 * `Number.MAX_SAFE_INTEGER`, as a literal, so that the types of SQL can read it.
 */
export const AMOUNT_MAX = 9_007_199_254_740_991;
export const TRANSFERS_PER_PAGE_MAX = 100;
export const MESSAGES_PER_PAGE_MAX = 100;
export const CHANGES_PER_PAGE_MAX = 500;

const amountSchema = z.int().min(1).max(AMOUNT_MAX);
export const ledgerSchema = z.enum(LEDGERS);
/** As it is stored, however it was written: an id is compared in lower case. */
export const transferIdSchema = z.uuid().toLowerCase();

/*
 * Bodies of routes that move money, or keep it from moving, have no member that nobody knows: what
 * a misspelt one was to say must not be passed over.
 */
export const transferSchema = z
  .strictObject({ from: ledgerSchema, to: ledgerSchema, amount: amountSchema })
  .refine(({ from, to }) => from !== to, { path: ["to"], message: "must be the other ledger" });
export const depositSchema = z.strictObject({ amount: amountSchema });
/** Of a reversal or a refund, which are always of the whole. */
export const noOrderSchema = z.strictObject({});

const pageLimit = (max: number) => z.coerce.number().pipe(z.int().min(1).max(max)).default(20);
export const transfersQuerySchema = z.object({
  limit: pageLimit(TRANSFERS_PER_PAGE_MAX),
  cursor: transferIdSchema.optional(),
});

/** What a message of the outbox may be. One that is settled or refunded has left it. */
export const OUTBOX_STATES = ["pending", "parked"] as const;
export type OutboxState = (typeof OUTBOX_STATES)[number];

export const outboxQuerySchema = z.object({
  ledger: ledgerSchema,
  status: z.enum(OUTBOX_STATES).optional(),
  limit: pageLimit(MESSAGES_PER_PAGE_MAX),
  cursor: transferIdSchema.optional(),
});
export const changesQuerySchema = z.object({
  ledger: ledgerSchema,
  after: z.coerce.number().pipe(z.int().min(0)).default(0),
  limit: pageLimit(CHANGES_PER_PAGE_MAX),
});

export type TransferStatus = "pending" | "settled" | "parked" | "refunded";

export interface TransferReceipt {
  readonly transferId: string;
  readonly status: TransferStatus;
}

/** A transfer as its owner sees it. */
export interface TransferView extends TransferReceipt {
  readonly from: LedgerName;
  readonly to: LedgerName;
  readonly amount: number;
  readonly createdAt: number;
  readonly settledAt?: number;
}

/**
 * One user's money in one ledger. `inFlight` has left it and not arrived (or not been confirmed)
 * yet.
 */
export interface Funds {
  readonly balance: number;
  readonly inFlight: number;
}

/**
 * What the app BFF may ask of a ledger (entrypoint `Funds`). The owner is always `ctx.principal`.
 */
export interface LedgerFunds {
  /**
   * Balance and newest movements at one moment: two ledgers' answers are made one picture by what
   * they have in common.
   */
  cut(ctx: CallContext, movementsMax: number): Promise<FundsCut>;
  /**
   * Every movement on the caller's account, newest first. Throws `INVALID` for a cursor that is
   * none of ours.
   */
  statement(ctx: CallContext, limit: number, cursor: string | null): Promise<StatementPage>;
  /** What a BFF of an older release asks, while it still runs. */
  funds(ctx: CallContext): Promise<Funds>;
  /**
   * Sends money to the other ledger. The same key and amount give the same transfer with its
   * present status, for good. Throws `INSUFFICIENT_FUNDS` (then and whenever that key comes again),
   * `INVALID` where the key was used for something else, and `FORBIDDEN` while the account is
   * frozen: that leaves no trace of the key.
   */
  transfer(ctx: CallContext, amount: number, key: string): Promise<TransferReceipt>;
  /** Null where this ledger has sent no such transfer of the caller's. */
  read(ctx: CallContext, transferId: string): Promise<TransferView | null>;
  /** Newest first, those before `cursor`. */
  list(ctx: CallContext, limit: number, cursor: string | null): Promise<readonly TransferView[]>;
}

/** A message on its way, as operators see it. */
export interface OutboxMessage {
  readonly transferId: string;
  readonly userId: string;
  readonly amount: number;
  readonly status: OutboxState;
  /** Sends so far. */
  readonly attempts: number;
  readonly lastError: string | null;
  /** When it is sent again; null while parked. */
  readonly nextAttemptAt: number | null;
  readonly createdAt: number;
}

/** One movement on a user's account, as the change stream tells it. In order of `seq`. */
export interface LedgerChange {
  readonly seq: number;
  readonly ledger: LedgerName;
  readonly userId: string;
  readonly transferId: string;
  /** Signed. */
  readonly amount: number;
  /** The balance after it. */
  readonly balance: number;
  readonly at: number;
}

/** How much there is of each, counted up to 10,000. */
export interface LedgerOverview {
  readonly accounts: number;
  readonly pending: number;
  readonly parked: number;
  /** Age of the oldest message under way in ms, 0 if there is none. */
  readonly oldestPendingMs: number;
  readonly deadLetters: number;
  readonly changes: { readonly newestSeq: number; readonly publishedSeq: number };
}

/** A deposit, and what the account holds now. */
export interface DepositReceipt {
  readonly depositId: string;
  readonly balance: number;
}

/**
 * What the ops BFF may ask of a ledger (entrypoint `Operations`). Every change is written to its
 * audit table.
 */
export interface LedgerOperations extends LedgerReconciliation {
  /**
   * Pays money from the ledger's equity into a user's account, whoever that is: only identity knows
   * its users. Keys are the caller's, as in transfers. Throws `INVALID` beyond a maximum,
   * `LEDGER_FULL`.
   */
  deposit(ctx: CallContext, userId: string, amount: number, key: string): Promise<DepositReceipt>;
  /** What {@link deposit} has answered or thrown under the key; null where it was never asked. */
  findDeposit(ctx: CallContext, userId: string, amount: number, key: string): Promise<DepositReceipt | null>;
  /**
   * Takes a deposit back, once: its id is the key. Throws `NOT_FOUND`, and `INSUFFICIENT_FUNDS`
   * where the money has gone on.
   */
  reverseDeposit(ctx: CallContext, depositId: string): Promise<DepositReceipt>;
  outbox(
    ctx: CallContext,
    query: {
      readonly status?: OutboxState | undefined;
      readonly limit: number;
      readonly cursor?: string | undefined;
    },
  ): Promise<readonly OutboxMessage[]>;
  /**
   * Makes messages due now, and begins their schedule anew: the given ones, or parked ones, whoever
   * was driven longest ago first (at most {@link MESSAGES_PER_PAGE_MAX}). They leave at the pace of
   * `DELIVERIES_PER_SECOND`.
   */
  redrive(ctx: CallContext, which: RedriveWhich, dryRun: boolean): Promise<MessagesRedriven>;
  /**
   * Holds pending messages back until they are redriven; one that has arrived all the same is
   * settled. Answers the ids of those that were pending.
   */
  park(ctx: CallContext, ids: readonly string[]): Promise<readonly string[]>;
  /** Newest first. */
  deadLetters(ctx: CallContext, page: PageQuery): Promise<readonly DeadLetter[]>;
  /** Those of the ids that are kept. */
  deadLettersNamed(ctx: CallContext, ids: readonly string[]): Promise<readonly DeadLetter[]>;
  /**
   * Throws away letters whose messages their origin has been asked to send again. Answers the ids
   * that were there.
   */
  forgetDeadLetters(ctx: CallContext, ids: readonly string[]): Promise<readonly string[]>;
  /** Newest first. */
  audit(ctx: CallContext, page: AuditPage): Promise<readonly AuditView[]>;
  /**
   * Takes a parked transfer back, after the other ledger has promised never to credit it. Null
   * where this ledger has sent no such transfer; throws `CONFLICT` where it is under way or has
   * been credited. Idempotent.
   */
  refund(ctx: CallContext, transferId: string): Promise<TransferReceipt | null>;
  /**
   * A closed account takes no money, what comes is parked over there; a frozen one sends none
   * either. What is under way from it goes on. Throws `NOT_FOUND`.
   */
  setAccountState(ctx: CallContext, userId: string, state: AccountState): Promise<void>;
  changes(ctx: CallContext, after: number, limit: number): Promise<readonly LedgerChange[]>;
  overview(ctx: CallContext): Promise<LedgerOverview>;
}

/** What became of a delivery at the ledger it was sent to. */
export type DeliveryReport =
  | { readonly transferId: string; readonly result: "credited" | "void" }
  | {
      readonly transferId: string;
      readonly result: "failed";
      /** Which send this is about. */
      readonly attempt: number;
      readonly reason: string;
      /** Trying again is of no use. */
      readonly permanent: boolean;
    };

/**
 * All that the two ledgers ask of each other beside messages (entrypoint `Settlement`). Both are
 * idempotent.
 */
export interface LedgerSettlement {
  /** Destination to origin: what is stored about a delivery, or why it could not be made. */
  report(ctx: CallContext, report: DeliveryReport): Promise<void>;
  /**
   * Origin to destination: never credit this from now on. Answers what is stored: `credited` where
   * it came too late.
   */
  fence(ctx: CallContext, transferId: string): Promise<"credited" | "void">;
}
