import { LEDGERS, peerOf, type LedgerBooks, type LedgerName } from "../../contracts/ledger.ts";
import type { RequestScope } from "../../platform/call-context.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import type { LedgersOfOperators } from "./ledger-routes.ts";

interface ReconcileInput {
  readonly ledgers: LedgersOfOperators;
  readonly scope: RequestScope;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Something that should not be. `ledger` is where it was found, null where it is between the two. */
export interface Mismatch {
  readonly kind: "unbalanced_transfer" | "wrong_balance" | "late_message" | "credit_without_transfer" | "sum_of_entries" | "clearing";
  readonly ledger: LedgerName | null;
  readonly id?: string;
  readonly difference?: number;
}

export interface Reconciliation {
  readonly ok: boolean;
  readonly ledgers: Readonly<Record<LedgerName, Pick<LedgerBooks, "sumOfEntries" | "clearing">>>;
  readonly inFlight: number;
  readonly mismatches: readonly Mismatch[];
}

type Books = Readonly<Record<LedgerName, LedgerBooks>>;

/** Two databases are never read at the same moment: a difference between them counts only if it is there again after this time, in ms. */
const SECOND_LOOK_MS = 10_000;
const MISMATCHES_MAX = 200;

/**
 * Holds the books of each ledger against themselves, and of both against each other: what has left one is in flight or has arrived in the other.
 * Where the two differ it looks again ten seconds later, and says only what it has seen twice.
 */
export async function reconcile(input: ReconcileInput): Promise<Reconciliation> {
  let books = await readBooks(input);
  let between = await differencesBetween(input, books);
  if (between.length > 0) {
    await input.sleep(SECOND_LOOK_MS);
    books = await readBooks(input);
    const again = new Set((await differencesBetween(input, books)).map((mismatch) => JSON.stringify(mismatch)));
    between = between.filter((mismatch) => again.has(JSON.stringify(mismatch)));
  }
  const mismatches = [...LEDGERS.flatMap((ledger) => differencesWithin(ledger, books[ledger])), ...between].slice(0, MISMATCHES_MAX);
  return {
    ok: mismatches.length === 0,
    ledgers: { wallet: sumsOf(books.wallet), savings: sumsOf(books.savings) },
    inFlight: books.wallet.inFlight + books.savings.inFlight,
    mismatches,
  };
}

function sumsOf({ sumOfEntries, clearing }: LedgerBooks): Pick<LedgerBooks, "sumOfEntries" | "clearing"> {
  return { sumOfEntries, clearing };
}

async function readBooks({ ledgers, scope }: ReconcileInput): Promise<Books> {
  const books: Partial<Record<LedgerName, LedgerBooks>> = {};
  const group = new TaskGroup();
  for (const name of LEDGERS) {
    group.go(async () => {
      books[name] = await ledgers[name].read(scope, "read the books", (service, ctx) => service.books(ctx));
    });
  }
  await group.wait();
  return books as Books;
}

function differencesWithin(ledger: LedgerName, { sumOfEntries, unbalanced, wrongBalances, late }: LedgerBooks): readonly Mismatch[] {
  return [
    ...(sumOfEntries === 0 ? [] : [{ kind: "sum_of_entries", ledger, difference: sumOfEntries } as const]),
    ...unbalanced.map((id) => ({ kind: "unbalanced_transfer", ledger, id }) as const),
    ...wrongBalances.map((id) => ({ kind: "wrong_balance", ledger, id }) as const),
    ...late.map((id) => ({ kind: "late_message", ledger, id }) as const),
  ];
}

/** Money in clearing that is not in flight, and credits that no transfer of the other ledger's led to. */
async function differencesBetween({ ledgers, scope }: ReconcileInput, books: Books): Promise<readonly Mismatch[]> {
  const found: Mismatch[] = [];
  const difference = books.wallet.clearing + books.savings.clearing - books.wallet.inFlight - books.savings.inFlight;
  if (difference !== 0) found.push({ kind: "clearing", ledger: null, difference });
  for (const ledger of LEDGERS) {
    const ids = books[ledger].newestCredited;
    if (ids.length === 0) continue;
    const sent = new Set(await ledgers[peerOf(ledger)].read(scope, "look for transfers", (service, ctx) => service.sent(ctx, ids)));
    for (const id of ids) if (!sent.has(id)) found.push({ kind: "credit_without_transfer", ledger, id });
  }
  return found;
}
