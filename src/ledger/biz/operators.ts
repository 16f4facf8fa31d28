import { CodedError } from "../../contracts/errors.ts";
import type { AuditLine } from "../../contracts/audit.ts";
import type { AccountState, MessagesRedriven, RedriveWhich } from "../../contracts/ledger-operators.ts";
import { MESSAGES_PER_PAGE_MAX, type LedgerOverview, type TransferReceipt } from "../../contracts/ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { DeadLetterStore, Ids, OperatorStore, PeerLedger, WakePublisher } from "./ports.ts";
import type { Settlement } from "./settlement.ts";
import { FROM_THE_BEGINNING, placeIn, placeText, type RedrivePlace } from "./redrive-place.ts";
import { statusOf } from "./transfers.ts";

interface OperatorsDeps {
  readonly store: OperatorStore;
  readonly deadLetters: Pick<DeadLetterStore, "forget">;
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

  /**
   * The given messages, or a page of the parked ones: then the answer says where the next redrive
   * goes on.
   */
  async redrive(actor: string, which: RedriveWhich, dryRun: boolean): Promise<MessagesRedriven> {
    if ("ids" in which)
      return { redriven: await this.#redrive(actor, await this.#deps.store.redrivable(which.ids), dryRun) };
    const { store, now } = this.#deps;
    const startMs = now();
    const place: RedrivePlace = which.cursor === undefined ? FROM_THE_BEGINNING : placeIn(which.cursor);
    const found = await store.parked(place, place.beforeMs, MESSAGES_PER_PAGE_MAX + 1);
    const page = found.slice(0, MESSAGES_PER_PAGE_MAX);
    const redriven = await this.#redrive(
      actor,
      page.map(({ id }) => id),
      dryRun,
    );
    const last = page.at(-1);
    if (last === undefined || found.length === page.length) return { redriven };
    // Messages redriven from now on, also by this walk, are not on its later pages.
    return { redriven, nextCursor: placeText({ ...last, beforeMs: Math.min(place.beforeMs, startMs) }) };
  }

  /** Messages that are pending stay where they are until they are redriven. */
  park(actor: string, ids: readonly string[]): Promise<readonly string[]> {
    return this.#deps.store.park(ids, "held back by an operator", this.#audit(actor));
  }

  /** For letters whose messages their origin has been asked to send again. */
  forgetDeadLetters(actor: string, ids: readonly string[]): Promise<readonly string[]> {
    return this.#deps.deadLetters.forget(ids, this.#audit(actor));
  }

  /**
   * A refund asks the other ledger for a promise first: from then on it will never credit this
   * transfer, so the money can be booked back. A refund that dies halfway is repeated as a whole:
   * each of its steps is done once however often it is asked for.
   */
  async refund(actor: string, transferId: string): Promise<TransferReceipt | null> {
    const { store, settlement, peer } = this.#deps;
    const transfer = await store.sentTransfer(transferId);
    if (transfer === null || transfer.outcome === "failed") return null;
    if (transfer.outcome === "refunded") return { transferId, status: "refunded" };
    if (transfer.outcome === "settled")
      throw new CodedError("CONFLICT", "The transfer has arrived: it can't be refunded");
    if (!transfer.parked)
      throw new CodedError("CONFLICT", "The transfer is under way: only a parked one can be refunded");
    await store.auditRefund(transferId, "asked for", this.#audit(actor));
    const stored = await peer.fence(transferId);
    await settlement.conclude(transferId, stored);
    await store.auditRefund(transferId, stored === "void" ? "refunded" : "was credited", this.#audit(actor));
    if (stored === "credited")
      throw new CodedError("CONFLICT", "The transfer has arrived after all: it is settled now");
    return { transferId, status: statusOf("refunded", false) };
  }

  async setAccountState(actor: string, userId: string, state: AccountState): Promise<void> {
    const found = await this.#deps.store.setAccountState(userId, state, this.#audit(actor));
    if (!found) throw new CodedError("NOT_FOUND", "There is no such account");
  }

  overview(): Promise<LedgerOverview> {
    const { store, now } = this.#deps;
    return store.overview(now());
  }

  async #redrive(actor: string, ids: readonly string[], dryRun: boolean): Promise<readonly string[]> {
    const { store, wakePublisher, now } = this.#deps;
    if (dryRun || ids.length === 0) return ids;
    const redriven = await store.redrive(ids, this.#audit(actor));
    wakePublisher(now());
    return redriven;
  }

  #audit(actor: string): AuditLine {
    const { ids, now } = this.#deps;
    return { id: ids.id(), atMs: now(), actor };
  }
}
