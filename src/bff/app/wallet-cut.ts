import { LEDGERS, peerOf, type LedgerName } from "../../contracts/ledger.ts";
import type { FundsCut } from "../../contracts/ledger-statement.ts";

export type Cuts = Readonly<Record<LedgerName, FundsCut>>;

/** A user's money in both ledgers and between them, as of one moment. */
export interface WalletCut {
  readonly balances: Readonly<Record<LedgerName, number>>;
  readonly inFlight: number;
  /**
   * What is there too much against all that was ever paid in, or too little: zero, unless the
   * movements don't reach back far enough.
   */
  readonly excess: number;
}

type Movement = FundsCut["movements"][number];

/**
 * Two answers are of two moments. They are made one picture by the transfers they tell of: a credit
 * whose debit the other answer lacks isn't counted yet; a debit whose credit is lacking is in
 * flight, settled or not; one whose credit is there is not, confirmed or not. That holds for ids
 * from which on both answers know everything. What is older is taken as each ledger says. Whether
 * that was right is told by what was paid in, which no transfer changes.
 *
 * Source: consistent cuts, Mattern, "Virtual Time and Global States of Distributed Systems" (1989).
 */
export function walletCut(cuts: Cuts): WalletCut {
  const { wallet, savings } = cuts;
  const since = wallet.since > savings.since ? wallet.since : savings.since;
  const balances = { wallet: wallet.balance, savings: savings.balance };
  let inFlight = wallet.inFlight + savings.inFlight;
  for (const from of LEDGERS) {
    const { debits, unseen } = comparedFrom(from, cuts, since);
    for (const { amount, outcome, hasArrived } of debits) {
      if (outcome === "pending" && hasArrived) inFlight += amount;
      if (outcome === "settled" && !hasArrived) inFlight -= amount;
    }
    for (const { amount } of unseen) balances[peerOf(from)] -= amount;
  }
  for (const name of LEDGERS) {
    // Money that isn't counted yet may have been sent on: what was sent of it isn't either.
    for (const { amount, outcome, hasArrived } of comparedFrom(name, cuts, since).debits) {
      if (balances[name] >= 0 || hasArrived || outcome === "refunded") continue;
      balances[name] -= amount;
      inFlight += amount;
    }
  }
  for (const name of LEDGERS) {
    // A deposit that was taken back took some of it: so it had come, and has left the other ledger,
    // whose answer is the older one.
    const lacking = Math.max(0, -balances[name]);
    balances[name] += lacking;
    balances[peerOf(name)] -= lacking;
  }
  return {
    balances,
    inFlight,
    excess: balances.wallet + balances.savings + inFlight - wallet.paidIn - savings.paidIn,
  };
}

/**
 * The best that can be said where not even many movements reach: what is neither here nor there is
 * in flight.
 */
export function settleExcess({ balances, inFlight, excess }: WalletCut): Omit<WalletCut, "excess"> {
  return { balances, inFlight: Math.max(0, inFlight - excess) };
}

/**
 * The transfers out of one ledger that both answers know, newest first, and the credits whose
 * debits they don't. Debits are below zero.
 */
function comparedFrom(
  from: LedgerName,
  cuts: Cuts,
  since: string,
): {
  readonly debits: readonly (Movement & { readonly hasArrived: boolean })[];
  readonly unseen: readonly Movement[];
} {
  const known = (ledger: LedgerName, isMeant: (amount: number) => boolean): readonly Movement[] =>
    cuts[ledger].movements
      .filter(({ id, amount }) => id >= since && isMeant(amount))
      .toSorted((a, b) => (a.id < b.id ? 1 : -1));
  const debits = known(from, (amount) => amount < 0);
  const credits = known(peerOf(from), (amount) => amount > 0);
  const [debited, credited] = [new Set(debits.map(({ id }) => id)), new Set(credits.map(({ id }) => id))];
  return {
    debits: debits.map((movement) => ({ ...movement, hasArrived: credited.has(movement.id) })),
    unseen: credits.filter(({ id }) => !debited.has(id)),
  };
}
