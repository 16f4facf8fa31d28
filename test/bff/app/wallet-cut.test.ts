import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { settleExcess, walletCut } from "../../../src/bff/app/wallet-cut.ts";
import { LEDGERS, peerOf, type LedgerName } from "../../../src/contracts/ledger.ts";
import type { FundsCut } from "../../../src/contracts/ledger-statement.ts";

interface Transfer {
  readonly id: string;
  readonly from: LedgerName;
  readonly amount: number;
  step: "debited" | "credited" | "settled" | "refunded";
}

/** The rule of a ledger in a few lines: what is stored about one user, step by step. */
class Model {
  readonly transfers: Transfer[] = [];
  readonly movements: Record<LedgerName, { id: string; amount: number; transfer: Transfer | null }[]> = {
    wallet: [],
    savings: [],
  };
  paidIn = 0;
  #ids = 0;

  deposit(amount: number): void {
    this.paidIn += amount;
    this.movements.wallet.push({ id: this.#id(), amount, transfer: null });
  }

  /** Takes a deposit back, where the wallet holds as much. */
  reverse(amount: number): void {
    if (this.balance("wallet") >= amount) this.deposit(-amount);
  }

  debit(from: LedgerName, amount: number): void {
    if (this.balance(from) < amount) return;
    const transfer: Transfer = { id: this.#id(), from, amount, step: "debited" };
    this.transfers.push(transfer);
    this.movements[from].push({ id: transfer.id, amount: -amount, transfer });
  }

  /** One step on with a transfer that is under way. */
  go(index: number, refunds: boolean): void {
    const underWay = this.transfers.filter(({ step }) => step === "debited" || step === "credited");
    const transfer = underWay[index % Math.max(1, underWay.length)];
    if (transfer === undefined) return;
    const { id, from, amount } = transfer;
    if (transfer.step === "credited") transfer.step = "settled";
    else if (refunds) {
      transfer.step = "refunded";
      this.movements[from].push({ id: this.#id(), amount, transfer: null });
    } else {
      transfer.step = "credited";
      this.movements[peerOf(from)].push({ id, amount, transfer });
    }
  }

  balance(ledger: LedgerName): number {
    return this.movements[ledger].reduce((sum, { amount }) => sum + amount, 0);
  }

  /** What that ledger answers now. */
  cut(ledger: LedgerName, movementsMax = 50): FundsCut {
    const pending = this.transfers.filter(
      ({ from, step }) => from === ledger && (step === "debited" || step === "credited"),
    );
    const newest = this.movements[ledger].toSorted((a, b) => (a.id < b.id ? 1 : -1)).slice(0, movementsMax);
    const outcomeOf = ({ from, step }: Transfer): FundsCut["movements"][number]["outcome"] =>
      from !== ledger ? null : step === "settled" || step === "refunded" ? step : "pending";
    return {
      balance: this.balance(ledger),
      inFlight: pending.reduce((sum, { amount }) => sum + amount, 0),
      paidIn: ledger === "wallet" ? this.paidIn : 0,
      movements: newest.flatMap(({ id, amount, transfer }) =>
        transfer === null ? [] : [{ id, amount, outcome: outcomeOf(transfer) }],
      ),
      since: newest.length < movementsMax ? "" : (newest.at(-1)?.id ?? ""),
    };
  }

  #id(): string {
    this.#ids += 1;
    return String(this.#ids).padStart(6, "0");
  }
}

const step = fc.record({
  kind: fc.constantFrom("debit", "debit", "go", "go", "go", "refund", "reverse"),
  from: fc.constantFrom(...LEDGERS),
  amount: fc.integer({ min: 1, max: 40 }),
  index: fc.nat(20),
});

function make(
  model: Model,
  { kind, from, amount, index }: { kind: string; from: LedgerName; amount: number; index: number },
): void {
  if (kind === "debit") model.debit(from, amount);
  else if (kind === "reverse") model.reverse(10 * amount);
  else model.go(index, kind === "refund");
}

describe("what two ledgers say of somebody's money", () => {
  it("adds up to what was paid in, whatever happens between the two answers, and shows nothing below zero", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.array(step, { maxLength: 20 }),
        fc.boolean(),
        (before, between, walletFirst) => {
          const model = new Model();
          model.deposit(1_000);
          for (const one of before) make(model, one);
          const [first, second]: readonly LedgerName[] = walletFirst ? LEDGERS : LEDGERS.toReversed();
          const firstCut = model.cut(first ?? "wallet");
          for (const one of between) make(model, one);
          const secondCut = model.cut(second ?? "wallet");
          const cut = walletCut(
            walletFirst ? { wallet: firstCut, savings: secondCut } : { wallet: secondCut, savings: firstCut },
          );
          const reaches = model.movements.wallet.length <= 50 && model.movements.savings.length <= 50;
          expect(reaches && cut.excess !== 0).toBe(false);
          const { balances, inFlight } = settleExcess(cut);
          // What the wallet's answer knows of what was paid in, and taken back.
          expect(balances.wallet + balances.savings + inFlight).toBe(
            walletFirst ? firstCut.paidIn : secondCut.paidIn,
          );
          for (const figure of [balances.wallet, balances.savings, inFlight])
            expect(figure).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("is exact where nothing happens in between, however long ago the money moved", () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 200, maxLength: 400 }),
        fc.integer({ min: 3, max: 60 }),
        (steps, movementsMax) => {
          const model = new Model();
          model.deposit(1_000);
          for (const one of steps) make(model, one);
          const cut = walletCut({
            wallet: model.cut("wallet", movementsMax),
            savings: model.cut("savings", movementsMax),
          });
          const arriving = model.transfers
            .filter((transfer) => transfer.step === "debited")
            .reduce((sum, { amount }) => sum + amount, 0);
          const { balances, inFlight } = settleExcess(cut);
          expect({ balances, inFlight }).toEqual({
            balances: { wallet: model.balance("wallet"), savings: model.balance("savings") },
            inFlight: arriving,
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  it("counts no credit whose debit is not seen, and takes what is settled for in flight where its credit is not", () => {
    const model = new Model();
    model.deposit(100);
    const early = { wallet: model.cut("wallet"), savings: model.cut("savings") };
    model.debit("wallet", 30);
    model.go(0, false);
    expect(walletCut({ wallet: early.wallet, savings: model.cut("savings") })).toEqual({
      balances: { wallet: 100, savings: 0 },
      inFlight: 0,
      excess: 0,
    });
    model.go(0, false);
    expect(walletCut({ wallet: model.cut("wallet"), savings: early.savings })).toEqual({
      balances: { wallet: 70, savings: 0 },
      inFlight: 30,
      excess: 0,
    });
  });

  it("shows nothing below zero where a deposit was taken back out of a credit that isn't counted yet", () => {
    const model = new Model();
    model.deposit(100);
    model.debit("wallet", 100);
    model.go(0, false);
    model.go(0, false);
    const savings = model.cut("savings");
    model.debit("savings", 100);
    model.go(0, false);
    model.reverse(100);
    expect(walletCut({ wallet: model.cut("wallet"), savings })).toEqual({
      balances: { wallet: 0, savings: 0 },
      inFlight: 0,
      excess: 0,
    });
  });

  it("says so where the movements don't reach back far enough: an old transfer is credited and not yet confirmed", () => {
    const model = new Model();
    model.deposit(1_000);
    model.debit("wallet", 7);
    for (let index = 0; index < 60; index += 1) model.deposit(1);
    model.go(0, false);
    const cut = walletCut({ wallet: model.cut("wallet"), savings: model.cut("savings") });
    expect(cut.excess).toBe(7);
    expect(settleExcess(cut).inFlight).toBe(0);
    expect(walletCut({ wallet: model.cut("wallet", 500), savings: model.cut("savings", 500) }).excess).toBe(
      0,
    );
  });
});
