import { codeOf } from "../../../src/contracts/errors.ts";
import type { DepositReceipt, LedgerName } from "../../../src/contracts/ledger.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { isAnotherPayload, type Asking } from "./ledger-asking.ts";
import type { LedgerFront } from "./ledger-front.ts";
import type { KeyedDeposit, LedgerModel } from "./ledger-model.ts";
import { isFrozen, rowsIn } from "./ledger-rows.ts";
import type { LedgerWorld } from "./sim-ledger.ts";

const ACTOR = "op";

/** Operators who pay in and take back: they ask until told, sometimes several at once. */
export class LedgerDepositors {
  readonly #world: LedgerWorld;
  readonly #model: LedgerModel;
  readonly #ops: LedgerFront;
  readonly #asking: Asking;

  constructor(world: LedgerWorld, model: LedgerModel, ops: LedgerFront, asking: Asking) {
    this.#world = world;
    this.#model = model;
    this.#ops = ops;
    this.#asking = asking;
  }

  deposit(to: LedgerName, user: string, key: string, amount: number, callers = this.#draw()): void {
    const promised = this.#model.deposit(to, user, key);
    if (promised.booked !== null) this.#world.counters.note("deposit asked for again");
    promised.asked.add(amount);
    for (let caller = 0; caller < callers; caller += 1) {
      void this.#asking.untilTold(promised, {
        ask: () =>
          this.#ops.idempotently(to, `deposit ${user} ${key} ${amount}`, ({ deposits }) =>
            deposits.deposit(ACTOR, user, amountOf(amount), key),
          ),
        told: (receipt) => this.#deposited(promised, amount, receipt),
        refused: (error) => this.#notDeposited(promised, amount, error),
      });
    }
  }

  /** Takes one back, if it has been booked and somebody knows. */
  reverse(promised: KeyedDeposit, callers = this.#draw()): void {
    const { to, depositId } = promised;
    if (depositId === null) return;
    if (promised.isReversed) this.#world.counters.note("reversal asked for again");
    promised.isReversalAsked = true;
    for (let caller = 0; caller < callers; caller += 1) {
      let isKnown = false;
      void this.#asking.untilTold(promised, {
        ask: () => {
          isKnown = promised.isReversed;
          return this.#ops.idempotently(to, `reverse ${depositId}`, ({ deposits }) =>
            deposits.reverse(ACTOR, depositId),
          );
        },
        told: (receipt) => this.#reversed(promised, receipt),
        refused: (error) => this.#notReversed(promised, isKnown, error),
      });
    }
  }

  /**
   * Tries to take back what is no deposit: a transfer, a refund, what has taken back a deposit
   * itself.
   */
  reverseOther(ledger: LedgerName): void {
    const operation = this.#world.kernel.pick(["transfer", "refund"]);
    const others = rowsIn(
      this.#world.ledgers[ledger],
      "SELECT id FROM transfer WHERE operation = ?1",
      operation,
    );
    if (others.length === 0) return;
    const id = String(this.#world.kernel.pick(others)["id"]);
    void this.#asking.untilTold(this.#model.others, {
      ask: () =>
        this.#ops.idempotently(ledger, `reverse ${id}`, ({ deposits }) => deposits.reverse(ACTOR, id)),
      told: () => this.#asking.hold(false, `${ledger}: only a deposit is taken back`),
      refused: (error) => {
        this.#asking.hold(
          codeOf(error) === "NOT_FOUND",
          `${ledger}: what is no deposit is not found (${codeOf(error)})`,
        );
        this.#world.counters.note("reversal refused: no deposit");
        return undefined;
      },
    });
  }

  /**
   * Everybody asks once more for what they were promised. What was to be taken back is known for
   * good then: nothing is late any more.
   */
  askAgain(): void {
    for (const promised of this.#model.deposits.values()) {
      const { to, user, key, booked } = promised;
      if (booked !== null && booked > 0) this.deposit(to, user, key, booked, 1);
      if (promised.isReversalAsked) this.reverse(promised, 1);
    }
  }

  #draw(): number {
    return this.#world.kernel.pick([1, 1, 2]);
  }

  #deposited(promised: KeyedDeposit, amount: number, { depositId }: DepositReceipt): void {
    const name = `deposit ${promised.key} of ${promised.user}`;
    const { booked } = promised;
    this.#asking.hold(
      booked === null || booked === amount,
      `${name}: a key stands for one amount, booked or refused for good`,
    );
    this.#asking.hold(
      promised.depositId === null || promised.depositId === depositId,
      `${name}: a key stands for one deposit`,
    );
    if (booked === null) this.#world.counters.note("deposit booked");
    promised.booked = amount;
    promised.depositId = depositId;
  }

  #notDeposited(promised: KeyedDeposit, amount: number, error: unknown): undefined {
    const { to, user, key } = promised;
    const name = `deposit ${key} of ${user}`;
    const { note } = this.#world.counters;
    if (isAnotherPayload(error)) {
      this.#asking.hold(
        promised.asked.size > 1 && promised.booked !== amount,
        `${name}: a key is not refused with its own payload`,
      );
      note("key refused with another payload");
      return;
    }
    this.#asking.hold(
      this.#model.everClosed.has(`${to} ${user}`),
      `${name}: only a closed account takes no deposit (${codeOf(error)})`,
    );
    this.#asking.hold((promised.booked ?? 0) === 0, `${name}: what was booked stays booked`);
    promised.booked = 0;
    note(
      isFrozen(this.#world.ledgers[to], user)
        ? "deposit refused: account frozen"
        : "deposit refused: account closed",
    );
  }

  #reversed(promised: KeyedDeposit, { depositId }: DepositReceipt): void {
    const { to, user, key } = promised;
    this.#asking.hold(
      promised.depositId === depositId,
      `deposit ${key} of ${user}: another one was taken back`,
    );
    if (promised.isReversed) return;
    const { note } = this.#world.counters;
    note("deposit reversed");
    if (isFrozen(this.#world.ledgers[to], user)) note("deposit reversed on a frozen account");
    promised.isReversed = true;
    this.#model.audited["reverse-deposit"] += 1;
  }

  #notReversed({ key, user }: KeyedDeposit, isKnown: boolean, error: unknown): undefined {
    const name = `deposit ${key} of ${user}`;
    this.#asking.hold(
      codeOf(error) === "INSUFFICIENT_FUNDS",
      `${name}: it is taken back or can't be paid (${codeOf(error)})`,
    );
    this.#asking.hold(!isKnown, `${name}: what was taken back is so for good`);
    this.#world.counters.note("reversal refused: INSUFFICIENT_FUNDS");
  }
}
