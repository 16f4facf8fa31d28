import { CodedError } from "../../contracts/errors.ts";
import type { DepositReceipt } from "../../contracts/ledger.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { Amount } from "./amount.ts";
import { CHANGES_WITHIN_MS } from "./delivery-schedule.ts";
import type {
  DepositLimits,
  DepositRefusal,
  DepositStore,
  HashPayload,
  Ids,
  KeyedDeposit,
  WakePublisher,
} from "./ports.ts";
import { refuseOther } from "./transfers.ts";

interface DepositsDeps {
  readonly store: DepositStore;
  readonly limits: DepositLimits;
  readonly wakePublisher: WakePublisher;
  readonly hashPayload: HashPayload;
  readonly ids: Ids;
  readonly now: Clock;
}

/** Money that operators pay out of equity into users' accounts, and take back. */
export class Deposits {
  readonly #deps: DepositsDeps;

  constructor(deps: DepositsDeps) {
    this.#deps = deps;
  }

  /** Pays in, once for each key of the operator's. What is refused stays refused. */
  async deposit(actor: string, userId: string, amount: Amount, key: string): Promise<DepositReceipt> {
    const { store, limits, hashPayload, ids, now } = this.#deps;
    const payloadHash = hashPayload(["deposit", userId, amount]);
    const nowMs = now();
    this.#wakeForChanges(nowMs);
    const id = ids.id();
    return this.#receiptOf(
      await store.deposit({ id, actor, userId, key, payloadHash, amount, auditId: ids.id(), nowMs, limits }),
      payloadHash,
    );
  }

  /**
   * What the operator was told under the key; null where nothing was asked under it yet. Writes
   * nothing.
   */
  async find(actor: string, userId: string, amount: Amount, key: string): Promise<DepositReceipt | null> {
    const { store, hashPayload } = this.#deps;
    const stored = await store.findDeposit(actor, userId, key);
    return stored === null ? null : this.#receiptOf(stored, hashPayload(["deposit", userId, amount]));
  }

  /**
   * Takes a deposit back, whatever the account's state. Its id is the key: again answers the same.
   * Throws `NOT_FOUND`, `INSUFFICIENT_FUNDS`.
   */
  async reverse(actor: string, depositId: string): Promise<DepositReceipt> {
    const { store, ids, now } = this.#deps;
    const nowMs = now();
    this.#wakeForChanges(nowMs);
    const stored = await store.reverseDeposit(depositId, { id: ids.id(), actor, auditId: ids.id(), nowMs });
    if (stored === null) throw new CodedError("NOT_FOUND", "No such deposit");
    if (!stored.isReversed)
      throw new CodedError(
        "INSUFFICIENT_FUNDS",
        "The money has gone on: the account holds less than the deposit",
      );
    return { depositId, balance: stored.balance };
  }

  #receiptOf(stored: KeyedDeposit, payloadHash: string): DepositReceipt {
    refuseOther(stored, payloadHash);
    if (stored.outcome === "settled") return { depositId: stored.id, balance: stored.balance };
    throw refused(stored.refusal, this.#deps.limits);
  }

  /** Before the batch, whose answer may be lost: what it has committed is to be published too. */
  #wakeForChanges(nowMs: number): void {
    this.#deps.wakePublisher(nowMs + CHANGES_WITHIN_MS);
  }
}

function refused(
  refusal: DepositRefusal | null,
  { depositMax, depositsPerDayMax }: DepositLimits,
): CodedError {
  if (refusal === "ledger_full") return new CodedError("LEDGER_FULL", "The ledger can take no more");
  const messages: Readonly<Record<Exclude<DepositRefusal, "ledger_full">, string>> = {
    deposit_max: `must be at most ${depositMax}`,
    day_max: `must not make more than ${depositsPerDayMax} of deposits in one day (UTC)`,
    account: "would be more than the account can hold, or the account is closed",
  };
  const message = refusal === null ? "was refused under this key before" : messages[refusal];
  return new CodedError("INVALID", "The deposit can't be booked", { errors: [{ path: "amount", message }] });
}
