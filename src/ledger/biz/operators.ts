import { CodedError } from "../../contracts/errors.ts";
import { MESSAGES_PER_PAGE_MAX, type TransferReceipt } from "../../contracts/ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { AuditLine, Ids, OperatorStore, PeerLedger, WakePublisher } from "./ports.ts";
import type { Settlement } from "./settlement.ts";
import { statusOf } from "./transfers.ts";

interface OperatorsDeps {
  readonly store: OperatorStore;
  readonly settlement: Pick<Settlement, "conclude">;
  readonly peer: PeerLedger;
  readonly wakePublisher: WakePublisher;
  readonly ids: Ids;
  readonly now: Clock;
}

/** What operators do to messages, each written to the audit trail under their name. */
export class Operators {
  readonly #deps: OperatorsDeps;

  constructor(deps: OperatorsDeps) {
    this.#deps = deps;
  }

  async redrive(
    actor: string,
    which: { readonly ids: readonly string[] } | { readonly status: "parked" },
    dryRun: boolean,
  ): Promise<readonly string[]> {
    const { store, wakePublisher, now } = this.#deps;
    const ids = await store.redrivable(which, MESSAGES_PER_PAGE_MAX);
    if (dryRun || ids.length === 0) return ids;
    const redriven = await store.redrive(ids, this.#audit(actor));
    wakePublisher(now());
    return redriven;
  }

  /**
   * A refund asks the other ledger for a promise first: from then on it will never credit this transfer, so the money can be booked back.
   * A refund that dies halfway is repeated as a whole: each of its steps is done once however often it is asked for.
   */
  async refund(actor: string, transferId: string): Promise<TransferReceipt | null> {
    const { store, settlement, peer } = this.#deps;
    const transfer = await store.sentTransfer(transferId);
    if (transfer === null || transfer.outcome === "failed") return null;
    if (transfer.outcome === "refunded") return { transferId, status: "refunded" };
    if (transfer.outcome === "settled") throw new CodedError("CONFLICT", "The transfer has arrived: it can't be refunded");
    if (!transfer.parked) throw new CodedError("CONFLICT", "The transfer is under way: only a parked one can be refunded");
    await store.auditRefund(transferId, "asked for", this.#audit(actor));
    const stored = await peer.fence(transferId);
    await settlement.conclude(transferId, stored);
    await store.auditRefund(transferId, stored === "void" ? "refunded" : "was credited", this.#audit(actor));
    if (stored === "credited") throw new CodedError("CONFLICT", "The transfer has arrived after all: it is settled now");
    return { transferId, status: statusOf("refunded", false) };
  }

  async setAccountState(actor: string, userId: string, state: "open" | "closed"): Promise<void> {
    const found = await this.#deps.store.setAccountState(userId, state, this.#audit(actor));
    if (!found) throw new CodedError("NOT_FOUND", "There is no such account");
  }

  #audit(actor: string): AuditLine {
    const { ids, now } = this.#deps;
    return { id: ids.id(), atMs: now(), actor };
  }
}
