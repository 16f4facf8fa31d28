import { CodedError } from "../../contracts/errors.ts";
import type { StatementItem, StatementPage } from "../../contracts/ledger-statement.ts";
import * as z from "zod";

/**
 * Where a page begins: the next entry of the chain ('' past its end), the place among the
 * unchained, and the balance after the newer of the two.
 */
export interface StatementPlace {
  readonly chained: string;
  readonly unchainedBefore: { readonly atMs: number; readonly id: string };
  readonly balance: number;
}

/**
 * A movement as it is stored: `of` is the deposit or transfer it belongs to, `previous` the chained
 * one before it.
 */
export interface StoredMovement extends Pick<StatementItem, "at" | "amount" | "kind"> {
  readonly id: string;
  readonly previous: string;
  readonly of: string;
}

/** What a store has from a place on: of either kind as many as a page may need, newest first. */
export interface StoredStatement {
  readonly from: StatementPlace;
  readonly chained: readonly StoredMovement[];
  readonly unchained: readonly StoredMovement[];
}

const ID_MAX = "~";

/** The place before all entries of an account, also where there is no account. */
export function newestFirst(
  account: { readonly balance: number; readonly chained: string | null } | null,
): StatementPlace {
  const unchainedBefore = { atMs: Number.MAX_SAFE_INTEGER, id: ID_MAX };
  return { chained: account?.chained ?? "", unchainedBefore, balance: account?.balance ?? 0 };
}

/**
 * A page of a statement, newest first. Its order is that of booking. What names no predecessor (an
 * older release has booked it) has its place by its time. Each balance is the newer one less the
 * newer amount, and the cursor carries it on: so it is right however much is booked meanwhile.
 */
export function statementPage({ from, chained, unchained }: StoredStatement, limit: number): StatementPage {
  const items: StatementItem[] = [];
  let { chained: nextChained, unchainedBefore, balance } = from;
  let [chain, old] = [0, 0];
  for (;;) {
    const [a, b] = [chained[chain], unchained[old]];
    const isChained = a !== undefined && (b === undefined || a.at >= b.at);
    const next = isChained ? a : b;
    if (next === undefined) return { items };
    if (items.length === limit)
      return { items, nextCursor: cursorOf({ chained: nextChained, unchainedBefore, balance }) };
    const { at, amount, kind, of } = next;
    const isDeposit = kind === "deposit" || kind === "reversal";
    items.push({ at, amount, balance, kind, ...(isDeposit ? { depositId: of } : { transferId: of }) });
    balance -= amount;
    if (isChained) {
      chain += 1;
      nextChained = next.previous;
    } else {
      old += 1;
      unchainedBefore = { atMs: at, id: next.id };
    }
  }
}

const placeSchema = z.tuple([z.string().max(64), z.int(), z.string().max(64), z.int()]);

function cursorOf({ chained, unchainedBefore, balance }: StatementPlace): string {
  const text = JSON.stringify([chained, unchainedBefore.atMs, unchainedBefore.id, balance]);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Throws `INVALID` for what is no cursor of ours. A forged one shows its owner wrong balances of
 * their own movements, and nothing else.
 */
export function placeOf(cursor: string): StatementPlace {
  try {
    const text = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
    const [chained, atMs, id, balance] = placeSchema.parse(JSON.parse(text));
    return { chained, unchainedBefore: { atMs, id }, balance };
  } catch (cause) {
    const message = "must be a cursor of an earlier page";
    throw new CodedError("INVALID", "The cursor is not valid", {
      cause,
      errors: [{ path: "cursor", message }],
    });
  }
}
