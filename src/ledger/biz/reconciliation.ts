import type { LedgerBooks, ReconciliationPlace, WalkedStep } from "../../contracts/ledger-reconciliation.ts";
import type { Clock } from "../../resilience/clock.ts";
import { DELIVERY_SLA_MS } from "./delivery-schedule.ts";
import type { ReconciliationStore } from "./ports.ts";

/** What a reconciliation asks of one ledger, by the ledger's own clock. */
export interface Reconciliation extends Omit<ReconciliationStore, "progress" | "books" | "passedAccounts"> {
  /** How far it has come, and what time it is here. */
  progress(): Promise<ReconciliationPlace>;
  /** What has been under way for longer than it may counts as late. */
  books(withSums: boolean): Promise<LedgerBooks>;
  passedAccounts(step: WalkedStep): Promise<void>;
}

/** The store's answers, as of now. */
export function reconciliationAt(now: Clock, store: ReconciliationStore): Reconciliation {
  return {
    ...store,
    progress: async () => ({ ...(await store.progress()), nowMs: now() }),
    books: (withSums) => store.books(now() - DELIVERY_SLA_MS, withSums),
    passedAccounts: (step) => store.passedAccounts(step, now()),
  };
}
