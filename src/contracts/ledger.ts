import * as z from "zod";

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

/**
 * What Kafka and Pipelines are given for a change (docs/events.md). Fields are added and never
 * change their meaning under one `v`.
 */
export interface ChangeEvent extends LedgerChange {
  readonly v: typeof CHANGE_EVENT_VERSION;
  /** The same for the same change, however often it is told; of no other in any ledger. */
  readonly id: string;
}
export const CHANGE_EVENT_VERSION = 1;

/** Where a ledger's changes go: nowhere, to its queue, to Kafka or into a pipeline. */
export const CHANGE_SINKS = ["off", "queue", "kafka", "pipeline"] as const;
export type ChangeSinkName = (typeof CHANGE_SINKS)[number];

/** A page of the change stream, and where it goes now: `off`, and nothing is added to it. */
export interface ChangesPage {
  readonly items: readonly LedgerChange[];
  readonly sink: ChangeSinkName;
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
