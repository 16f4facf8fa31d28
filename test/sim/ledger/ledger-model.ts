import type { LedgerName, TransferStatus } from "../../../src/contracts/ledger.ts";
import type { Promised } from "./ledger-asking.ts";

/** A key of a user's, and what its callers were told. */
export interface KeyedTransfer extends Promised {
  readonly from: LedgerName;
  readonly user: string;
  readonly key: string;
  /** Every amount that it was sent with. */
  readonly asked: Set<number>;
  /** Which of them it stands for, as soon as somebody was told. */
  amount: number | null;
  transferId: string | null;
  isRejected: boolean;
  /** How often somebody was told that the account is frozen. */
  forbidden: number;
  /** Once it has ended. */
  ended: "settled" | "refunded" | null;
}

/** A key of an operator's, and what its callers were told. */
export interface KeyedDeposit extends Promised {
  readonly to: LedgerName;
  readonly user: string;
  readonly key: string;
  readonly asked: Set<number>;
  /** What was booked; 0 where it was refused. */
  booked: number | null;
  depositId: string | null;
  /** Somebody wanted it back: it may be gone, whatever they were told so far. */
  isReversalAsked: boolean;
  isReversed: boolean;
}

/**
 * What everybody was promised, by whoever answered: the shadow of both ledgers. It knows nothing of
 * their tables, so that what is wrong in all of these alike does not look right.
 */
export class LedgerModel {
  readonly users: readonly string[];
  readonly transfers = new Map<string, KeyedTransfer>();
  readonly deposits = new Map<string, KeyedDeposit>();
  /** `<ledger> <user>` of accounts that somebody wanted to close, those to be frozen included. */
  readonly everClosed = new Set<string>();
  readonly everFrozen = new Set<string>();
  /** What was asked for and stands for nothing. */
  readonly others: Promised = { open: 0 };
  /** Changes that an operator was told of, each of which is in the audit trail. */
  readonly audited = { redrive: 0, park: 0, "set-account-state": 0, "reverse-deposit": 0 };

  constructor(users: readonly string[]) {
    this.users = users;
  }

  transfer(from: LedgerName, user: string, key: string): KeyedTransfer {
    const name = `${from} ${user} ${key}`;
    let made = this.transfers.get(name);
    if (made === undefined) {
      made = {
        from,
        user,
        key,
        asked: new Set(),
        amount: null,
        transferId: null,
        isRejected: false,
        forbidden: 0,
        ended: null,
        open: 0,
      };
      this.transfers.set(name, made);
    }
    return made;
  }

  deposit(to: LedgerName, user: string, key: string): KeyedDeposit {
    let made = this.deposits.get(`${to} ${key}`);
    if (made === undefined) {
      made = {
        to,
        user,
        key,
        asked: new Set(),
        booked: null,
        depositId: null,
        isReversalAsked: false,
        isReversed: false,
        open: 0,
      };
      this.deposits.set(`${to} ${key}`, made);
    }
    return made;
  }

  /** The most that deposits can have come to so far. */
  depositsAtMost(to: LedgerName, user: string): { readonly amount: number; readonly count: number } {
    let [amount, count] = [0, 0];
    for (const deposit of this.deposits.values()) {
      if (deposit.to !== to || deposit.user !== user || deposit.booked === 0) continue;
      amount += deposit.booked ?? Math.max(...deposit.asked);
      count += 1;
    }
    return { amount, count };
  }

  /** The most that can have been taken back of it. */
  reversalsAtMost(to: LedgerName, user: string): { readonly amount: number; readonly count: number } {
    let [amount, count] = [0, 0];
    for (const deposit of this.deposits.values()) {
      if (deposit.to !== to || deposit.user !== user || !deposit.isReversalAsked) continue;
      amount += deposit.booked ?? 0;
      count += 1;
    }
    return { amount, count };
  }

  /** Whether everybody has an answer. */
  get isQuiet(): boolean {
    return [...this.transfers.values(), ...this.deposits.values(), this.others].every(
      ({ open }) => open === 0,
    );
  }

  /** What a user must have in a ledger when everything has ended. */
  balance(ledger: LedgerName, user: string): number {
    let balance = 0;
    for (const { to, user: owner, booked, isReversed } of this.deposits.values())
      if (to === ledger && owner === user && !isReversed) balance += booked ?? 0;
    for (const { from, user: owner, amount, ended } of this.transfers.values()) {
      if (owner !== user || ended !== "settled" || amount === null) continue;
      balance += from === ledger ? -amount : amount;
    }
    return balance;
  }
}

/** Whether a transfer that is said to be `status` has ended, and how. */
export function endOf(status: TransferStatus): KeyedTransfer["ended"] {
  return status === "settled" || status === "refunded" ? status : null;
}
