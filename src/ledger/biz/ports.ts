import type { AuditLine, AuditView } from "../../contracts/audit.ts";
import type { AccountState, DeadLetter } from "../../contracts/ledger-operators.ts";
import type {
  DeliveryReport,
  Funds,
  LedgerChange,
  LedgerName,
  LedgerOverview,
  OutboxMessage,
  OutboxState,
  TransferView,
} from "../../contracts/ledger.ts";
import type { Amount } from "./amount.ts";
import type {
  AccountInPart,
  AccountPart,
  AccountsRange,
  CheckedAccounts,
  ComparedRange,
  ComparedRow,
  LedgerBooks,
  PassedStep,
  ReconciliationProgress,
  Restart,
  WalkedStep,
} from "../../contracts/ledger-reconciliation.ts";
import type { FundsCut } from "../../contracts/ledger-statement.ts";
import type { Delivery } from "./delivery.ts";
import type { DrivenPlace } from "./redrive-place.ts";
import type { StatementPlace, StoredStatement } from "./statement.ts";

/** What is stored about a message that came in. */
export type StoredOutcome = "credited" | "void";

/** A new transfer out of this ledger, whose outcome the database decides. */
export interface NewTransfer {
  readonly id: string;
  readonly owner: string;
  readonly key: string;
  readonly payloadHash: string;
  readonly amount: Amount;
  readonly nowMs: number;
  /** When the publisher sends it if nothing is heard of the first send. */
  readonly nextAtMs: number;
}

/** The transfer that a key stands for: this attempt's or an earlier one's. */
export interface KeyedTransfer {
  readonly id: string;
  readonly payloadHash: string;
  readonly outcome: "pending" | "settled" | "refunded";
  readonly parked: boolean;
  /** What the other ledger will know the key by. */
  readonly keyDigest: string;
}

/** What came of asking for a transfer under a key. */
export type OpenedTransfer =
  | KeyedTransfer
  /** Refused, now or before, for want of money. */
  | { readonly outcome: "failed"; readonly payloadHash: string }
  /** Nothing was written: money came in from the other ledger under this key. */
  | { readonly outcome: "used_the_other_way" }
  /** Nothing was written, not even the key: the account is frozen. */
  | { readonly outcome: "frozen" }
  /**
   * Nothing was written: there is not enough money, and the user holds as many refused keys as
   * anybody may.
   */
  | { readonly outcome: "too_many_refused" };

/**
 * Why a deposit is refused: more than one may be, more than a day's may be, more than the ledger or
 * the account can take.
 */
export type DepositRefusal = "deposit_max" | "day_max" | "ledger_full" | "account";

export interface DepositLimits {
  readonly depositMax: number;
  readonly depositsPerDayMax: number;
}

export interface NewDeposit {
  readonly id: string;
  readonly actor: string;
  readonly userId: string;
  readonly key: string;
  readonly payloadHash: string;
  readonly amount: Amount;
  readonly auditId: string;
  readonly nowMs: number;
  readonly limits: DepositLimits;
}

/** The deposit that a key stands for, and what the account holds now. */
export interface KeyedDeposit {
  readonly id: string;
  readonly payloadHash: string;
  readonly outcome: "settled" | "failed";
  /** Null where it was not refused, or by the release before. */
  readonly refusal: DepositRefusal | null;
  readonly balance: number;
}

export interface DepositReversal {
  readonly id: string;
  readonly actor: string;
  readonly auditId: string;
  readonly nowMs: number;
}

/** Deposits. Each method is one unit of work. */
export interface DepositStore {
  deposit(deposit: NewDeposit): Promise<KeyedDeposit>;
  /** The deposit made or refused under the key; null where there is none. */
  findDeposit(actor: string, userId: string, key: string): Promise<KeyedDeposit | null>;
  /**
   * Takes a deposit back, whole and once, or leaves it where the account can't pay. Null where
   * there is no such deposit.
   */
  reverseDeposit(
    depositId: string,
    reversal: DepositReversal,
  ): Promise<{ readonly balance: number; readonly isReversed: boolean } | null>;
}

/** Requests of users. Each method is one unit of work. */
export interface TransferStore extends DepositStore {
  open(transfer: NewTransfer): Promise<OpenedTransfer>;
  funds(userId: string): Promise<Funds>;
  read(owner: string, id: string): Promise<TransferView | null>;
  list(owner: string, limit: number, before: string | null): Promise<readonly TransferView[]>;
}

/** What users see of the movements on their account. */
export interface StatementStore {
  /** From `place` on, from the newest where that is null: of either kind up to `limit`. */
  page(userId: string, limit: number, place: StatementPlace | null): Promise<StoredStatement>;
  /** The account and its newest movements, at one moment. */
  cut(userId: string, movementsMax: number): Promise<FundsCut>;
}

/** A message due to be sent. */
export interface DueMessage {
  readonly id: string;
  readonly userId: string;
  readonly amount: Amount;
  readonly attempts: number;
  /** How many of those were before it was last redriven. */
  readonly attemptsBefore: number;
  readonly createdAtMs: number;
  readonly drivenAtMs: number;
  readonly lastError: string | null;
  /** Null where its key is not known. */
  readonly keyDigest: string | null;
}

/** A lease on one message: taken only if nobody else has sent it since `attempts` was read. */
export interface Lease {
  readonly id: string;
  readonly attempts: number;
  readonly nextAtMs: number;
}

/** The origin's side of messages under way. Each method is one unit of work. */
export interface OutboxStore {
  due(nowMs: number, limit: number): Promise<readonly DueMessage[]>;
  /**
   * Counts a send of each and keeps others off until `untilMs`. Answers the ids that were still
   * free.
   */
  lease(leases: readonly Lease[], nowMs: number, untilMs: number): Promise<readonly string[]>;
  park(id: string, attempts: number, reason: string): Promise<void>;
  /** The earliest moment at which something is due; null where nothing is pending. */
  nextAtMs(): Promise<number | null>;
  message(id: string): Promise<DueMessage | null>;
  /**
   * Ends the lease of a failed send of `attempts`. Answers when it is sent again; null where it has
   * been since.
   */
  release(id: string, attempts: number, reason: string): Promise<number | null>;
  /** Makes due now what is put off beyond `beyondMs`, some thousand messages at once. */
  recall(beyondMs: number, nowMs: number): Promise<void>;
  /** The other ledger has it: ends the transfer, once. Null where it had ended before. */
  settle(id: string, nowMs: number): Promise<SettledTransfer | null>;
  /** The other ledger will never take it: books the money back with a correcting transfer, once. */
  reverse(id: string, reversal: { readonly id: string; readonly nowMs: number }): Promise<void>;
}

/** The destination's side. Each method is one unit of work. */
export interface InboxStore {
  /**
   * Credits a delivery once. Null where it can't be credited: the account is closed or would hold
   * too much.
   */
  credit(delivery: Delivery, attemptToken: string, nowMs: number): Promise<StoredOutcome | null>;
  /** Promises never to credit `messageId`, unless it has been. */
  fence(messageId: string, attemptToken: string, nowMs: number): Promise<StoredOutcome>;
}

/** The audit trail, newest first. */
export interface AuditTrail {
  list(limit: number, before: string | null): Promise<readonly AuditView[]>;
}

/** What operators read and do. Each change is one unit of work with its audit line. */
export interface OperatorStore {
  outbox(status: OutboxState | null, limit: number, after: string | null): Promise<readonly OutboxMessage[]>;
  /** Those of the ids that a redrive would take. */
  redrivable(ids: readonly string[]): Promise<readonly string[]>;
  /**
   * Parked ones behind a place in the order in which they were driven, the longest ago first; of
   * those driven before `beforeMs`.
   */
  parked(after: DrivenPlace, beforeMs: number, limit: number): Promise<readonly DrivenPlace[]>;
  redrive(ids: readonly string[], audit: AuditLine): Promise<readonly string[]>;
  /** Holds those back that are pending. Answers their ids. */
  park(ids: readonly string[], reason: string, audit: AuditLine): Promise<readonly string[]>;
  /** What became of a transfer that left this ledger; null where none did. */
  sentTransfer(id: string): Promise<{
    readonly owner: string;
    readonly outcome: KeyedTransfer["outcome"] | "failed";
    readonly parked: boolean;
  } | null>;
  /**
   * Says that a refund was asked for, and later what came of it: whoever dies in between leaves the
   * first line.
   */
  auditRefund(id: string, result: "asked for" | "refunded" | "was credited", audit: AuditLine): Promise<void>;
  /** False where there is no such account. */
  setAccountState(userId: string, state: AccountState, audit: AuditLine): Promise<boolean>;
  overview(nowMs: number): Promise<LedgerOverview>;
}

/** What a reconciliation reads and how far it has come, each within one moment. */
export interface ReconciliationStore {
  progress(): Promise<ReconciliationProgress>;
  compared(range: ComparedRange): Promise<readonly ComparedRow[]>;
  comparedOf(ids: readonly string[]): Promise<readonly ComparedRow[]>;
  checkAccounts(range: AccountsRange): Promise<CheckedAccounts>;
  accountPart(part: AccountPart): Promise<AccountInPart | null>;
  books(lateBeforeMs: number, withSums: boolean): Promise<LedgerBooks>;
  passed(step: PassedStep): Promise<void>;
  rested(ids: readonly string[]): Promise<void>;
  passedAccounts(step: WalkedStep, nowMs: number): Promise<void>;
  restart(restart: Restart): Promise<void>;
  explained(through: string): Promise<void>;
}

/** The change log and how far it has been published. */
export interface ChangeStore {
  after(seq: number, limit: number): Promise<readonly LedgerChange[]>;
  publishedSeq(): Promise<number>;
  published(seq: number): Promise<void>;
  /** Switches the trigger that fills the log. */
  enable(enabled: boolean): Promise<void>;
}

/** Something that grows, and whose old part goes. */
export interface Retention {
  readonly what: string;
  /** Deletes some of what is too old, in bounded statements. Answers whether there may be more. */
  readonly prune: (nowMs: number) => Promise<boolean>;
}

export interface DeadLetterStore {
  /** Newest first, behind the letter that is named. */
  list(
    limit: number,
    after: { readonly atMs: number; readonly id: string } | null,
  ): Promise<readonly DeadLetter[]>;
  named(ids: readonly string[]): Promise<readonly DeadLetter[]>;
  /** Throws letters away. Answers the ids that were there. */
  forget(ids: readonly string[], audit: AuditLine): Promise<readonly string[]>;
  keep(letter: {
    readonly id: string;
    readonly body: unknown;
    readonly reason: string;
    readonly attempts: number;
  }): Promise<void>;
}

/** Where deliveries go: the other ledger's queue. */
export interface DeliverySender {
  send(deliveries: readonly Delivery[]): Promise<void>;
}

/** Where changes go. At least once, in order. */
export interface ChangeSink {
  publish(changes: readonly LedgerChange[]): Promise<void>;
}

/** The other ledger. */
export interface PeerLedger {
  readonly name: LedgerName;
  report(report: DeliveryReport): Promise<void>;
  fence(transferId: string): Promise<StoredOutcome>;
}

/** New names, never the same twice; ids are UUIDv7. */
export interface Ids {
  id(): string;
  token(): string;
}

/** What a key was used for, as a short text: the same key with anything else is refused. */
export type HashPayload = (parts: readonly (string | number)[]) => string;

/** A transfer that has just been settled. */
export interface SettledTransfer {
  readonly id: string;
  readonly userId: string;
  readonly amount: number;
  readonly settledAtMs: number;
}

/** Tells the user, if anybody listens. Never throws: nobody relies on it. */
export type TellSettled = (settled: SettledTransfer) => void;

/**
 * Sees to it that the publisher runs at `atMs` at the latest. Never throws: the cron stands behind
 * it.
 */
export type WakePublisher = (atMs: number) => void;
