import { firstIdAt, timeOfId } from "../../contracts/id-time.ts";
import { LEDGERS, type LedgerName } from "../../contracts/ledger.ts";
import {
  COMPARED_PER_PAGE_MAX,
  type LedgerBooks,
  type ReconciliationProgress,
} from "../../contracts/ledger-reconciliation.ts";
import type { Clock } from "../../resilience/clock.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import { walkAccounts, type AccountWalk } from "./account-walk.ts";
import type { Mismatch } from "./compare-transfers.ts";
import { Pace } from "./pace.ts";
import { ASKED_FOR, type Round } from "./reconcile-round.ts";
import type { ReconcilableLedger } from "./reconcilable-ledger.ts";
import { TransferWalk, type ReconcilableLedgers } from "./transfer-walk.ts";

interface ReconcileInput {
  readonly ledgers: ReconcilableLedgers;
  readonly now: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  /** {@link ASKED_FOR} if absent. */
  readonly round?: Round;
}

export interface Reconciliation {
  readonly ok: boolean;
  readonly ledgers: Readonly<
    Record<LedgerName, { readonly sumOfEntries: number; readonly clearing: number }>
  >;
  readonly inFlight: number;
  readonly mismatches: readonly Mismatch[];
  /**
   * Transfers made up to then, ms since the epoch, are compared for good; null before the first.
   */
  readonly through: number | null;
  /** How far that is behind what could be, in ms: 0 where every transfer there is was looked at. */
  readonly behind: number;
  /**
   * Accounts looked at this time, whether those are all, and how many have too many movements to
   * be.
   */
  readonly accounts: { readonly checked: number; readonly all: boolean; readonly unchecked: number };
}

/**
 * Two databases are never read at the same moment: what differs between them counts only if it
 * still does after this time, in ms.
 */
const SECOND_LOOK_MS = 10_000;
/**
 * A transfer is passed for good when it is older, in ms: by then it has ended, or is remembered by
 * itself. Longer than clocks are apart.
 */
const REST_MS = 600_000;
const MISMATCHES_MAX = 200;
/** Where accounts were looked at not long ago. */
const NO_WALK: AccountWalk = { findings: [], accounts: 0, unchecked: 0, isWhole: true };

/**
 * Holds the two ledgers against each other, transfer by transfer, and each against itself, account
 * by account. What is young is looked at when somebody asks; what is older is passed once, some
 * thousand transfers a round, from where the last one ended. Sums need no second look: each is
 * taken at one moment with what it must equal.
 */
export async function reconcile({
  ledgers,
  now,
  sleep,
  round = ASKED_FOR,
}: ReconcileInput): Promise<Reconciliation> {
  const startedAtMs = now();
  const paceOf = (stepsMax: number): Pace => new Pace({ now, sleep, stepsMax });
  const { transfers: pace, ...paces } = {
    transfers: paceOf(round.stepsMax.transfers),
    wallet: paceOf(round.stepsMax.accounts),
    savings: paceOf(round.stepsMax.accounts),
  };
  const progress = await ofBoth((name) => ledgers[name].progress());
  const walk = new TransferWalk(ledgers, pace, startOf(progress));
  // What was passed too early is a difference once something is booked behind it: the slowest of
  // three clocks says what is old.
  const restsBeforeMs = Math.min(startedAtMs, progress.wallet.nowMs, progress.savings.nowMs) - REST_MS;
  await walk.lookAtOpen(() => pace.goesOnUntil(round.passUntilMs));
  const sawNewest = await walk.lookAtNewest(firstIdAt(restsBeforeMs), () =>
    pace.goesOnUntil(round.newestUntilMs),
  );
  const accounts = await ofBoth(async (name) => {
    const { account: from, walkedAtMs } = progress[name];
    const agoMs = startedAtMs - (walkedAtMs ?? Number.NEGATIVE_INFINITY);
    // A walk that has ended in the future is one of a wrong clock.
    if (from === "" && agoMs >= 0 && agoMs < round.accountsEveryMs) return NO_WALK;
    const hasTime = (): boolean => paces[name].goesOnUntil(round.accountsUntilMs);
    return walkAccounts({
      ledger: ledgers[name],
      from,
      pace: paces[name],
      hasTime,
      goesRound: round.goesRound,
    });
  });
  const passedAll = await walk.pass(restsBeforeMs, () => pace.goesOnUntil(round.passUntilMs));
  const books = await ofBoth((name) => ledgers[name].books({ withSums: passedAll }));
  const between = await seenAgain(walk, now() + SECOND_LOOK_MS, now, sleep);
  const sums = { wallet: sumOf(books, walk, "wallet"), savings: sumOf(books, walk, "savings") };
  const within = LEDGERS.flatMap((name) =>
    differencesWithin(name, books[name], accounts[name], sums[name].sumOfEntries),
  );
  for (const name of LEDGERS) await lookForReason(ledgers[name], books[name], walk.suspects.size);
  // What is late is no loss, and there may be so much of it that losses would have no room.
  const late = LEDGERS.flatMap((ledger) =>
    books[ledger].late.map((id) => ({ kind: "late_message", ledger, id }) as const),
  );
  const mismatches = [...within, ...between, ...late].slice(0, MISMATCHES_MAX);
  const throughMs = walk.through === "" ? null : timeOfId(walk.through);
  return {
    ok: mismatches.length === 0,
    ledgers: sums,
    inFlight: books.wallet.inFlight + books.savings.inFlight,
    mismatches,
    through: throughMs,
    behind:
      passedAll && sawNewest && LEDGERS.every((name) => isSummed(books[name]))
        ? 0
        : Math.max(0, passedAll ? REST_MS : restsBeforeMs - (throughMs ?? 0)),
    accounts: {
      checked: accounts.wallet.accounts + accounts.savings.accounts,
      all: accounts.wallet.isWhole && accounts.savings.isWhole,
      unchecked: accounts.wallet.unchecked + accounts.savings.unchecked,
    },
  };
}

/**
 * Whatever was passed and has changed since is found by passing it again: once, where that doesn't
 * explain it. What is passed and isn't balanced stays a suspect; where there is none any more, the
 * sum over what was passed is that of another time.
 */
async function lookForReason(
  ledger: ReconcilableLedger,
  books: LedgerBooks,
  suspects: number,
): Promise<void> {
  const { through, clearingExcess, unexplained, unexplainedEquity } = books;
  if (clearingExcess === null) return;
  const isSumOld = books.sumOfEntries !== 0 && suspects === 0;
  const [known, knownOfEquity] = [unexplained ?? 0, unexplainedEquity ?? 0];
  const equityDifference = books.equityExcess ?? knownOfEquity;
  if (clearingExcess === known && equityDifference === knownOfEquity && !isSumOld) return;
  const isExplained = clearingExcess === 0 && equityDifference === 0;
  await (isExplained && !isSumOld
    ? ledger.explained(through)
    : ledger.restart({ through, difference: clearingExcess, equityDifference }));
}

/** Whether the sums were held against the balances: of too many young entries they aren't. */
function isSummed({ clearingExcess, equityExcess }: LedgerBooks): boolean {
  return clearingExcess !== null && equityExcess !== null;
}

function startOf({ wallet, savings }: Readonly<Record<LedgerName, ReconciliationProgress>>) {
  return {
    through: { wallet: wallet.through, savings: savings.through },
    open: [...new Set([...wallet.open, ...savings.open])],
  };
}

/** What is wrong with the suspects at once, and ten seconds later too. */
async function seenAgain(
  walk: TransferWalk,
  againAtMs: number,
  now: Clock,
  sleep: ReconcileInput["sleep"],
): Promise<readonly Mismatch[]> {
  let suspects = [...walk.suspects].slice(0, COMPARED_PER_PAGE_MAX);
  if (suspects.length === 0) return [];
  // The first look may have read one ledger before a transfer and the other after it.
  const first = await mismatchesOf(walk, suspects);
  if (first.size === 0) return [];
  suspects = suspects.filter((id) => [...first.values()].some((mismatch) => mismatch.id === id));
  await sleep(Math.max(0, againAtMs - now()));
  const second = await mismatchesOf(walk, suspects);
  return [...second].flatMap(([text, mismatch]) => (first.has(text) ? [mismatch] : []));
}

async function mismatchesOf(
  walk: TransferWalk,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Mismatch>> {
  const compared = await walk.lookAt(ids);
  return new Map(
    [...compared.values()].flatMap(({ mismatches }) =>
      mismatches.map((mismatch) => [JSON.stringify(mismatch), mismatch]),
    ),
  );
}

function sumOf(books: Readonly<Record<LedgerName, LedgerBooks>>, walk: TransferWalk, name: LedgerName) {
  return { sumOfEntries: books[name].sumOfEntries + walk.unpassedSum[name], clearing: books[name].clearing };
}

function differencesWithin(
  ledger: LedgerName,
  { clearingExcess, equityExcess, unexplained, unexplainedEquity }: LedgerBooks,
  { findings }: AccountWalk,
  sumOfEntries: number,
): readonly Mismatch[] {
  const clearing = clearingExcess ?? unexplained ?? 0;
  const equity = equityExcess ?? unexplainedEquity ?? 0;
  return [
    ...(sumOfEntries === 0 ? [] : [{ kind: "sum_of_entries", ledger, difference: sumOfEntries } as const]),
    ...(clearing === 0 ? [] : [{ kind: "clearing", ledger, difference: clearing } as const]),
    ...(equity === 0 ? [] : [{ kind: "wrong_balance", ledger, id: "equity", difference: equity } as const]),
    ...findings.map((finding) => ({ ...finding, ledger })),
  ];
}

async function ofBoth<T>(ask: (name: LedgerName) => Promise<T>): Promise<Record<LedgerName, T>> {
  const answers: Partial<Record<LedgerName, T>> = {};
  const group = new TaskGroup();
  for (const name of LEDGERS) {
    group.go(async () => {
      answers[name] = await ask(name);
    });
  }
  await group.wait();
  return answers as Record<LedgerName, T>;
}
