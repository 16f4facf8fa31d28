/*
 * What always holds of transfers, whoever asks at once and whatever dies:
 *
 * I31: A caller's key stands for one transfer: it is debited once, however often the key comes.
 * I32: Nothing is debited that the account can't pay.
 * I33: A transfer is there whole or not at all: the debit, its other side, both entries and the
 *      message are in the batch of its row, and each asks for the row of this attempt.
 * I34: A key that was refused stays refused, for 30 days at least.
 * I35: A key under which money came in sends none back.
 * I36: Another payload under a known key is refused, and never answered as if it were the first.
 * I37: What is committed is sent in the end: its message is in the outbox before anybody is
 *      answered, and the publisher was woken before that.
 */

import { CodedError } from "../../contracts/errors.ts";
import type { LedgerName, TransferReceipt } from "../../contracts/ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { Amount } from "./amount.ts";
import type { Delivery } from "./delivery.ts";
import { pauseAfter, type DeliverySchedule } from "./delivery-schedule.ts";
import type {
  DeliverySender,
  HashPayload,
  Ids,
  KeyedTransfer,
  OpenedTransfer,
  TransferStore,
  WakePublisher,
} from "./ports.ts";

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

/**
 * When to come back with a transfer that can't be paid, where no more of those are remembered:
 * refused keys are forgotten by the month.
 */
const REFUSED_RETRY_MS = 3_600_000;

/** What users ask for: money out of this ledger into the other. */
export class Transfers {
  readonly #deps: TransfersDeps;

  constructor(deps: TransfersDeps) {
    this.#deps = deps;
  }

  /**
   * See {@link LedgerFunds.transfer}. Once this answers, the money is on its way, whatever dies.
   */
  async transfer(owner: string, amount: Amount, key: string): Promise<TransferReceipt> {
    const { store, hashPayload, ids, now, schedule, random, wakePublisher } = this.#deps;
    const id = ids.id();
    const nowMs = now();
    const nextAtMs = nowMs + pauseAfter(schedule, 1, random());
    const hash = hashPayload(["transfer", amount]);
    // I37. Before the batch: if its answer is lost, the publisher finds what it has committed.
    wakePublisher(nextAtMs);
    const opened = takenOrRefused(
      await store.open({ id, owner, key, payloadHash: hash, amount, nowMs, nextAtMs }),
      hash,
    );
    if (opened.id === id) {
      this.#sendAtOnce({
        v: 1,
        transferId: id,
        from: this.#deps.ledger,
        userId: owner,
        amount,
        attempt: 1,
        keyDigest: opened.keyDigest,
      });
    }
    return { transferId: opened.id, status: statusOf(opened.outcome, opened.parked) };
  }

  /**
   * The fast path: usually the money is there before anybody asks. If this is lost, the publisher
   * sends it again.
   */
  #sendAtOnce(delivery: Delivery): void {
    const { sender, background, onFailure } = this.#deps;
    background(
      sender.send([delivery]).catch((error: unknown) => onFailure("send a delivery at once", error)),
    );
  }
}

/** The transfer that the key stands for. Throws what its caller is told where there is none. */
function takenOrRefused(opened: OpenedTransfer, hash: string): KeyedTransfer {
  if (opened.outcome === "used_the_other_way") throw otherUse("money came in from the other ledger under it");
  if (opened.outcome === "frozen") throw new CodedError("FORBIDDEN", "The account is frozen");
  if (opened.outcome === "too_many_refused") throw tooManyRefused();
  // I36
  refuseOther(opened, hash);
  if (opened.outcome === "failed")
    throw new CodedError("INSUFFICIENT_FUNDS", "There is not enough money in that account");
  return opened;
}

function tooManyRefused(): CodedError {
  const what =
    "There is not enough money in that account, and too many transfers were refused for that already";
  return new CodedError("RATE_LIMITED", what, { retryAfterMs: REFUSED_RETRY_MS });
}

/** Throws `INVALID` where a key comes back with another payload. */
export function refuseOther(stored: Pick<KeyedTransfer, "payloadHash">, hash: string): void {
  if (stored.payloadHash !== hash) throw otherUse("was used with another payload");
}

function otherUse(message: string): CodedError {
  return new CodedError("INVALID", "The Idempotency-Key was used for something else", {
    errors: [{ path: "Idempotency-Key", message }],
  });
}

/** What clients are told of a transfer that was taken. */
export function statusOf(outcome: KeyedTransfer["outcome"], parked: boolean): TransferReceipt["status"] {
  return outcome === "pending" && parked ? "parked" : outcome;
}
