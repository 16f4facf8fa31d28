import { codeOf, ERROR_CATALOGUE, hintsOf } from "../../src/contracts/errors.ts";
import { LEDGERS, peerOf, type LedgerName, type TransferReceipt } from "../../src/contracts/ledger.ts";
import { amountOf } from "../../src/ledger/biz/amount.ts";
import { BrokenInvariant } from "./broken-invariant.ts";
import { LedgerFront } from "./ledger-front.ts";
import { endOf, type KeyedDeposit, type KeyedTransfer, type LedgerModel } from "./ledger-model.ts";
import type { LedgerWorld } from "./sim-ledger.ts";

const ACTOR = "op";
const RETRY_MS = 2_000;
const RETRY_GROWTH = 1.5;
const RETRY_MS_MAX = 600_000;

/** What an answer's error says: nothing, since it may be otherwise the next time; or the code that it has once and for all. */
export function refusalOf(error: unknown): ReturnType<typeof codeOf> | null {
  const code = codeOf(error);
  return ERROR_CATALOGUE[code].status >= 500 ? null : code;
}

/** Everybody who moves money: asks until told, sometimes several at once, and holds what they are told against what others were. */
export class LedgerClients {
  readonly #world: LedgerWorld;
  readonly #model: LedgerModel;
  readonly #app: LedgerFront;
  readonly #ops: LedgerFront;
  /** The first thing that did not hold. */
  broken: BrokenInvariant | null = null;

  constructor(world: LedgerWorld, model: LedgerModel, ops: LedgerFront) {
    this.#world = world;
    this.#model = model;
    this.#app = new LedgerFront(world, "app");
    this.#ops = ops;
  }

  transfer(from: LedgerName, user: string, key: string, amount: number, callers = this.#draw([1, 1, 3])): void {
    const { counters } = this.#world;
    const promised = this.#model.transfer(from, user, key);
    if (promised.transferId !== null) counters.note("taken key asked for again");
    if (promised.isRejected) counters.note("rejected key asked for again");
    promised.asked.add(amount);
    for (let caller = 0; caller < callers; caller += 1) {
      void this.#untilTold(promised, {
        ask: () =>
          this.#app.idempotently(from, `transfer ${user} ${key} ${amount}`, ({ transfers }) =>
            transfers.transfer(user, amountOf(amount), key),
          ),
        told: (receipt) => this.#taken(promised, amount, receipt),
        refused: (error) => this.#rejected(promised, amount, error),
      });
    }
  }

  deposit(to: LedgerName, user: string, key: string, amount: number, callers = this.#draw([1, 1, 2])): void {
    const { counters } = this.#world;
    const promised = this.#model.deposit(to, user, key);
    if (promised.booked !== null) counters.note("deposit asked for again");
    promised.asked.add(amount);
    for (let caller = 0; caller < callers; caller += 1) {
      void this.#untilTold(promised, {
        ask: () =>
          this.#ops.idempotently(to, `deposit ${user} ${key} ${amount}`, ({ deposits }) =>
            deposits.deposit(ACTOR, user, amountOf(amount), key),
          ),
        told: () => this.#deposited(promised, amount),
        refused: (error) => this.#notDeposited(promised, amount, error),
      });
    }
  }

  /** Everybody asks once more for what they were promised. */
  askAgain(): void {
    for (const { from, user, key, amount } of this.#model.transfers.values())
      if (amount !== null) this.transfer(from, user, key, amount, 1);
    for (const { to, user, key, booked } of this.#model.deposits.values())
      if (booked !== null && booked > 0) this.deposit(to, user, key, booked, 1);
  }

  #draw(counts: readonly number[]): number {
    return this.#world.kernel.pick(counts);
  }

  /** Whether everybody has an answer. */
  get isQuiet(): boolean {
    return [...this.#model.transfers.values(), ...this.#model.deposits.values()].every(({ open }) => open === 0);
  }

  async #untilTold<T>(
    promised: { open: number },
    { ask, told, refused }: { ask: () => Promise<T>; told: (answer: T) => void; refused: (error: unknown) => void },
  ): Promise<void> {
    promised.open += 1;
    for (let tries = 0; ; tries += 1) {
      try {
        told(await ask());
        break;
      } catch (error) {
        if (refusalOf(error) !== null) {
          refused(error);
          break;
        }
      }
      const pauseMs = Math.floor(Math.min(RETRY_MS_MAX, RETRY_MS * RETRY_GROWTH ** tries));
      await new Promise<void>((resolve) => this.#world.kernel.after(pauseMs, "", resolve));
    }
    promised.open -= 1;
  }

  #taken(promised: KeyedTransfer, amount: number, { transferId, status }: TransferReceipt): void {
    const { from, user, key } = promised;
    const name = `${from} ${user} ${key}`;
    this.#hold(!promised.isRejected, `${name}: a key that was refused stays refused`);
    this.#hold(promised.amount === null || promised.amount === amount, `${name}: a key stands for one amount`);
    this.#hold(promised.transferId === null || promised.transferId === transferId, `${name}: a key stands for one transfer`);
    promised.amount = amount;
    promised.transferId = transferId;
    const ended = endOf(status);
    if (ended === null) return;
    this.#hold(promised.ended === null || promised.ended === ended, `${name}: a transfer ends once`);
    promised.ended = ended;
  }

  #rejected(promised: KeyedTransfer, amount: number, error: unknown): void {
    const { from, user, key } = promised;
    const name = `${from} ${user} ${key}`;
    if (codeOf(error) === "INSUFFICIENT_FUNDS") {
      this.#hold(promised.transferId === null, `${name}: a key that was taken stays taken`);
      this.#hold(promised.amount === null || promised.amount === amount, `${name}: a refused key stands for one amount`);
      promised.amount = amount;
      promised.isRejected = true;
      return;
    }
    this.#hold(isAnotherPayload(error), `${name}: a transfer is refused for a reason (${codeOf(error)})`);
    // The same key for the other direction is another payload where it has arrived before; no caller can tell.
    const isBothWays = this.#model.transfers.has(`${peerOf(from)} ${user} ${key}`);
    this.#hold(isBothWays || promised.asked.size > 1, `${name}: a key with one payload is not refused`);
    this.#hold(isBothWays || promised.amount !== amount, `${name}: a key is not refused with its own payload`);
    this.#world.counters.note("key refused with another payload");
  }

  #deposited(promised: KeyedDeposit, amount: number): void {
    const name = `deposit ${promised.key} of ${promised.user}`;
    this.#hold(promised.booked === null || promised.booked === amount, `${name}: a key stands for one amount, booked or refused for good`);
    if (promised.booked === null) this.#world.counters.note("deposit booked");
    promised.booked = amount;
  }

  #notDeposited(promised: KeyedDeposit, amount: number, error: unknown): void {
    const { to, user, key } = promised;
    const name = `deposit ${key} of ${user}`;
    if (isAnotherPayload(error)) {
      this.#hold(promised.asked.size > 1 && promised.booked !== amount, `${name}: a key is not refused with its own payload`);
      return this.#world.counters.note("key refused with another payload");
    }
    this.#hold(this.#model.everClosed.has(`${to} ${user}`), `${name}: only a closed account takes no deposit (${codeOf(error)})`);
    this.#hold((promised.booked ?? 0) === 0, `${name}: what was booked stays booked`);
    promised.booked = 0;
    this.#world.counters.note("deposit refused: account closed");
  }

  #hold(holds: boolean, what: string): void {
    if (!holds) this.broken ??= new BrokenInvariant(what);
  }
}

function isAnotherPayload(error: unknown): boolean {
  return codeOf(error) === "INVALID" && hintsOf(error).errors?.[0]?.path === "Idempotency-Key";
}

/** Every account there may be. */
export function accountsOf(users: readonly string[]): readonly { readonly ledger: LedgerName; readonly user: string }[] {
  return LEDGERS.flatMap((ledger) => users.map((user) => ({ ledger, user })));
}
