import { codeOf } from "../../../src/contracts/errors.ts";
import { LEDGERS, peerOf, type LedgerName, type TransferReceipt } from "../../../src/contracts/ledger.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { isAnotherPayload, type Asking } from "./ledger-asking.ts";
import { LedgerFront } from "./ledger-front.ts";
import { endOf, type KeyedTransfer, type LedgerModel } from "./ledger-model.ts";
import type { LedgerWorld } from "./sim-ledger.ts";

/** Every user who moves money: asks until told, sometimes several at once. */
export class LedgerClients {
  readonly #world: LedgerWorld;
  readonly #model: LedgerModel;
  readonly #asking: Asking;
  readonly #app: LedgerFront;

  constructor(world: LedgerWorld, model: LedgerModel, asking: Asking) {
    this.#world = world;
    this.#model = model;
    this.#asking = asking;
    this.#app = new LedgerFront(world, "app");
  }

  transfer(
    from: LedgerName,
    user: string,
    key: string,
    amount: number,
    callers = this.#world.kernel.pick([1, 1, 3]),
  ): void {
    const { counters } = this.#world;
    const promised = this.#model.transfer(from, user, key);
    if (promised.transferId !== null) counters.note("taken key asked for again");
    if (promised.isRejected) counters.note("rejected key asked for again");
    promised.asked.add(amount);
    for (let caller = 0; caller < callers; caller += 1) {
      let isKnown = false;
      void this.#asking.untilTold(promised, {
        ask: () => {
          isKnown = promised.transferId !== null || promised.isRejected;
          return this.#app.idempotently(from, `transfer ${user} ${key} ${amount}`, ({ transfers }) =>
            transfers.transfer(user, amountOf(amount), key),
          );
        },
        told: (receipt) => this.#taken(promised, amount, receipt),
        refused: (error) =>
          codeOf(error) === "FORBIDDEN"
            ? this.#frozen(promised, isKnown)
            : this.#rejected(promised, amount, error),
      });
    }
  }

  /** Everybody asks once more for what they were promised. */
  askAgain(): void {
    for (const { from, user, key, amount } of this.#model.transfers.values())
      if (amount !== null) this.transfer(from, user, key, amount, 1);
  }

  #taken(promised: KeyedTransfer, amount: number, { transferId, status }: TransferReceipt): void {
    const { from, user, key } = promised;
    const name = `${from} ${user} ${key}`;
    this.#asking.hold(!promised.isRejected, `${name}: a key that was refused stays refused`);
    this.#asking.hold(
      promised.amount === null || promised.amount === amount,
      `${name}: a key stands for one amount`,
    );
    this.#asking.hold(
      promised.transferId === null || promised.transferId === transferId,
      `${name}: a key stands for one transfer`,
    );
    promised.amount = amount;
    promised.transferId = transferId;
    const ended = endOf(status);
    if (ended === null) return;
    this.#asking.hold(promised.ended === null || promised.ended === ended, `${name}: a transfer ends once`);
    promised.ended = ended;
  }

  /**
   * The key is not used up, and what was asked for before may yet come: whoever waits for an answer
   * asks on until the account is open.
   */
  #frozen(promised: KeyedTransfer, isKnown: boolean): "again" {
    const { from, user, key } = promised;
    const name = `${from} ${user} ${key}`;
    this.#asking.hold(
      this.#model.everFrozen.has(`${from} ${user}`),
      `${name}: only a frozen account is forbidden to send`,
    );
    this.#asking.hold(!isKnown, `${name}: a known key is answered whatever the account's state`);
    promised.forbidden += 1;
    this.#world.counters.note("transfer refused: account frozen");
    return "again";
  }

  #rejected(promised: KeyedTransfer, amount: number, error: unknown): undefined {
    const { from, user, key } = promised;
    const name = `${from} ${user} ${key}`;
    if (codeOf(error) === "INSUFFICIENT_FUNDS") {
      this.#asking.hold(promised.transferId === null, `${name}: a key that was taken stays taken`);
      this.#asking.hold(
        promised.amount === null || promised.amount === amount,
        `${name}: a refused key stands for one amount`,
      );
      promised.amount = amount;
      promised.isRejected = true;
      return;
    }
    this.#asking.hold(
      isAnotherPayload(error),
      `${name}: a transfer is refused for a reason (${codeOf(error)})`,
    );
    // The same key for the other direction is another payload where it has arrived before; no
    // caller can tell.
    const isBothWays = this.#model.transfers.has(`${peerOf(from)} ${user} ${key}`);
    this.#asking.hold(
      isBothWays || promised.asked.size > 1,
      `${name}: a key with one payload is not refused`,
    );
    this.#asking.hold(
      isBothWays || promised.amount !== amount,
      `${name}: a key is not refused with its own payload`,
    );
    this.#world.counters.note("key refused with another payload");
  }
}

/** Every account there may be. */
export function accountsOf(
  users: readonly string[],
): readonly { readonly ledger: LedgerName; readonly user: string }[] {
  return LEDGERS.flatMap((ledger) => users.map((user) => ({ ledger, user })));
}
