import { CodedError } from "../../contracts/errors.ts";
import type { LedgerName, TransferReceipt } from "../../contracts/ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { Amount } from "./amount.ts";
import type { Delivery } from "./delivery.ts";
import { pauseAfter, type DeliverySchedule } from "./delivery-schedule.ts";
import type { DeliverySender, HashPayload, Ids, KeyedTransfer, TransferStore, WakePublisher } from "./ports.ts";

interface TransfersDeps {
  readonly ledger: LedgerName;
  readonly store: TransferStore;
  readonly sender: DeliverySender;
  readonly schedule: DeliverySchedule;
  readonly wakePublisher: WakePublisher;
  /** Runs work that nobody waits for. */
  readonly background: (work: Promise<unknown>) => void;
  readonly onFailure: (what: string, error: unknown) => void;
  readonly hashPayload: HashPayload;
  readonly ids: Ids;
  readonly now: Clock;
  readonly random: () => number;
}

/** What users ask for: money out of this ledger into the other. */
export class Transfers {
  readonly #deps: TransfersDeps;

  constructor(deps: TransfersDeps) {
    this.#deps = deps;
  }

  /** See {@link LedgerFunds.transfer}. Once this answers, the money is on its way, whatever dies. */
  async transfer(owner: string, amount: Amount, key: string): Promise<TransferReceipt> {
    const { store, hashPayload, ids, now, schedule, random, wakePublisher } = this.#deps;
    const id = ids.id();
    const nowMs = now();
    const nextAtMs = nowMs + pauseAfter(schedule, 1, random());
    const hash = hashPayload(["transfer", amount]);
    // Before the batch: if its answer is lost, the publisher still finds what it has committed.
    wakePublisher(nextAtMs);
    const stored = await store.open({ id, owner, key, payloadHash: hash, amount, nowMs, nextAtMs });
    refuseOther(stored, hash);
    if (stored.outcome === "failed") throw new CodedError("INSUFFICIENT_FUNDS", "There is not enough money in that account");
    if (stored.id === id) this.#sendAtOnce({ v: 1, transferId: id, from: this.#deps.ledger, userId: owner, amount, attempt: 1 });
    return { transferId: stored.id, status: statusOf(stored.outcome, stored.parked) };
  }

  /** The fast path: usually the money is there before anybody asks. If this is lost, the publisher sends it again. */
  #sendAtOnce(delivery: Delivery): void {
    const { sender, background, onFailure } = this.#deps;
    background(sender.send([delivery]).catch((error: unknown) => onFailure("send a delivery at once", error)));
  }
}

/** Throws `INVALID` where a key comes back with another payload. */
export function refuseOther(stored: Pick<KeyedTransfer, "payloadHash">, hash: string): void {
  if (stored.payloadHash === hash) return;
  const message = "was used with another payload";
  throw new CodedError("INVALID", "The Idempotency-Key was used with another payload", { errors: [{ path: "Idempotency-Key", message }] });
}

/** What clients are told of a transfer that is not failed. */
export function statusOf(outcome: Exclude<KeyedTransfer["outcome"], "failed">, parked: boolean): TransferReceipt["status"] {
  return outcome === "pending" && parked ? "parked" : outcome;
}
