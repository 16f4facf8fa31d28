import type { LedgerName } from "../../../src/contracts/ledger.ts";
import type {
  ChangeStore,
  DeadLetterStore,
  DeliverySender,
  InboxStore,
  OutboxStore,
  PeerLedger,
  TransferStore,
} from "../../../src/ledger/biz/ports.ts";

/** The query with something changed, or as it was where it has nothing of the kind. */
export type Rewrite = (query: string) => string;

/** One guard of the ledgers, broken on purpose. Everything absent is as it should be. */
export interface Mutation {
  readonly name: string;
  /**
   * Whether money is made, lost or somebody else's by it: then the balances alone must tell, and
   * for transfers reconciliation too.
   */
  readonly misbooks?: "deposits" | "transfers";
  /** Whether it takes weeks to show. */
  readonly isSlow?: true;
  /** Changes of the SQL, made one after the other. */
  readonly rewrites?: readonly Rewrite[];
  readonly transferStore?: (
    store: TransferStore,
    sender: DeliverySender,
    ledger: LedgerName,
  ) => TransferStore;
  readonly outboxStore?: (store: OutboxStore) => OutboxStore;
  readonly inboxStore?: (store: InboxStore) => InboxStore;
  readonly changeStore?: (store: ChangeStore) => ChangeStore;
  readonly deadLetters?: (store: DeadLetterStore) => DeadLetterStore;
  readonly peer?: (peer: PeerLedger) => PeerLedger;
  readonly hasAlarm?: boolean;
  readonly hasCron?: boolean;
}

export const HEALTHY: Mutation = { name: "nothing" };

/**
 * Replaces one piece of SQL. A test insists that each fits some query: a mutation that no longer
 * does is a mistake of the table.
 */
export function without(fragment: string, instead = ""): Rewrite {
  return (query) => query.replaceAll(fragment, instead);
}

/** The same, only in queries that have `mark` in them. */
export function within(mark: string, fragment: string | RegExp, instead = ""): Rewrite {
  return (query) => (query.includes(mark) ? query.replace(fragment, instead) : query);
}
