import type { AuditPage, AuditView } from "./audit.ts";
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
import type {
  ChangesPage,
  DeliveryReport,
  DepositReceipt,
  Funds,
  LedgerChange,
  LedgerOverview,
  OutboxMessage,
  OutboxState,
  TransferReceipt,
  TransferView,
} from "./ledger.ts";

/*
 * The methods of a ledger's three entrypoints. What they take and answer is in `ledger.ts` and its
 * neighbours, which know nothing of this file.
 */

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
   * was driven longest ago first (at most `MESSAGES_PER_PAGE_MAX`). They leave at the pace of
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
  /**
   * Asked `asPage`, it says where they go too. A ledger of the release before knows only lists and
   * answers with one.
   */
  changes(
    ctx: CallContext,
    after: number,
    limit: number,
    asPage?: boolean,
  ): Promise<readonly LedgerChange[] | ChangesPage>;
  overview(ctx: CallContext): Promise<LedgerOverview>;
}

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
