import { CodedError } from "../../contracts/errors.ts";
import type { HashPayload, Ids, TransferStore, WakePublisher } from "./ports.ts";
import { refuseOther } from "./transfers.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { Amount } from "./amount.ts";
import { CHANGES_WITHIN_MS } from "./delivery-schedule.ts";

interface DepositsDeps {
  readonly store: Pick<TransferStore, "deposit">;
  readonly wakePublisher: WakePublisher;
  readonly hashPayload: HashPayload;
  readonly ids: Ids;
  readonly now: Clock;
}

/** Pays money out of equity into a user's account, once for each key of the operator's. */
export function createDeposit({ store, wakePublisher, hashPayload, ids, now }: DepositsDeps) {
  return async function deposit(actor: string, userId: string, amount: Amount, key: string): Promise<{ readonly balance: number }> {
    const hash = hashPayload(["deposit", userId, amount]);
    const id = ids.id();
    const nowMs = now();
    // For the change stream, and before the batch, whose answer may be lost.
    wakePublisher(nowMs + CHANGES_WITHIN_MS);
    const stored = await store.deposit({ id, actor, userId, key, payloadHash: hash, amount, auditId: ids.id(), nowMs });
    refuseOther(stored, hash);
    if (stored.outcome === "failed") {
      const message = "would be more than the account or the ledger can hold, or the account is closed";
      throw new CodedError("INVALID", "The deposit can't be booked", { errors: [{ path: "amount", message }] });
    }
    return { balance: stored.balance };
  };
}
