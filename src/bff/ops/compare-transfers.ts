import { LEDGERS, peerOf, type LedgerName } from "../../contracts/ledger.ts";
import type { ComparedRow, MismatchKind } from "../../contracts/ledger-reconciliation.ts";

/**
 * Something that should not be. `ledger` is where it was found, null where it is between the two.
 */
export interface Mismatch {
  readonly kind: MismatchKind;
  readonly ledger: LedgerName | null;
  readonly id?: string;
  readonly difference?: number;
}

export interface Comparison {
  readonly mismatches: readonly Mismatch[];
  /** Whether nothing is left to happen to it. */
  readonly hasEnded: boolean;
}

type Rows = Readonly<Record<LedgerName, readonly ComparedRow[]>>;

/**
 * Holds transfers against each other: what the origin has stored of each against what the
 * destination has. A confirmation may be as late as it likes: what is pending may have been
 * credited or not. What is settled must have been, to the same user, with the same amount; what is
 * refunded must not have been. The rows of the two are of two moments, so whatever this finds
 * counts only if it is found again.
 *
 * @returns by id, of every id that is in either list
 */
export function compareTransfers(rows: Rows): ReadonlyMap<string, Comparison> {
  const byId = { wallet: new Map<string, ComparedRow>(), savings: new Map<string, ComparedRow>() };
  for (const ledger of LEDGERS) for (const row of rows[ledger]) byId[ledger].set(row.id, row);
  const found = new Map<string, Comparison>();
  for (const id of new Set([...byId.wallet.keys(), ...byId.savings.keys()])) {
    const mismatches: Mismatch[] = [];
    let hasEnded = true;
    for (const ledger of LEDGERS) {
      const row = byId[ledger].get(id);
      if (row === undefined) continue;
      const kinds = kindsOf(row, byId[peerOf(ledger)].get(id));
      mismatches.push(...[...new Set(kinds)].map((kind) => ({ kind, ledger, id })));
      if (row.outcome === "pending") hasEnded = false;
    }
    found.set(id, { mismatches, hasEnded });
  }
  return found;
}

/** What is wrong with one ledger's row, given the other's of the same id. */
function kindsOf(row: ComparedRow, other: ComparedRow | undefined): readonly MismatchKind[] {
  const kinds: MismatchKind[] = row.counter === -row.amount ? [] : ["unbalanced_transfer"];
  if (row.account === "equity") return kinds;
  if (row.operation === "refund") return [...kinds, ...kindsOfRefund(row)];
  if (row.amount < 0)
    return other === undefined || other.amount < 0 ? [...kinds, "credit_without_transfer"] : kinds;
  const credit = other !== undefined && other.amount < 0 && other.operation !== "refund" ? other : null;
  return [...kinds, ...kindsOfDebit(row), ...kindsBetween(row, credit)];
}

function kindsOfRefund({ amount, refundedOutcome, refundedAmount }: ComparedRow): readonly MismatchKind[] {
  if (refundedOutcome !== "refunded") return ["wrong_outcome"];
  return refundedAmount === -amount ? [] : ["wrong_amount"];
}

/** A debit and its own transfer and message. */
function kindsOfDebit({
  operation,
  outcome,
  promised,
  amount,
  userId,
  messageUserId,
  messageAmount,
}: ComparedRow): readonly MismatchKind[] {
  if (operation !== "transfer" || outcome === null || outcome === "failed") return ["wrong_outcome"];
  const kinds: MismatchKind[] = promised === amount ? [] : ["wrong_amount"];
  // What is pending is sent until it has ended, and nothing else is.
  if ((messageAmount !== null) !== (outcome === "pending")) return [...kinds, "wrong_outcome"];
  if (messageAmount !== null && messageAmount !== amount) kinds.push("wrong_amount");
  if (messageUserId !== null && messageUserId !== userId) kinds.push("wrong_user");
  return kinds;
}

/** A debit and its credit. */
function kindsBetween(debit: ComparedRow, credit: ComparedRow | null): readonly MismatchKind[] {
  const { outcome, amount, bookedBack } = debit;
  const kinds: MismatchKind[] = [];
  if (outcome === "refunded" && bookedBack !== -amount) kinds.push("wrong_amount");
  if (credit === null)
    return outcome === "pending" || outcome === "refunded" ? kinds : [...kinds, "transfer_without_credit"];
  if (outcome === "refunded") kinds.push("wrong_outcome");
  if (credit.userId !== debit.userId) kinds.push("wrong_user");
  if (credit.amount !== -amount) kinds.push("wrong_amount");
  return kinds;
}
