import {
  ACCOUNTS_PER_PAGE_MAX,
  findingsOfAccount,
  MOVEMENTS_MAX,
  type LedgerFinding,
  type MovementsPart,
} from "../../contracts/ledger-reconciliation.ts";
import type { Pace } from "./pace.ts";
import type { ReconcilableLedger } from "./reconcilable-ledger.ts";

export interface AccountWalk {
  readonly findings: readonly LedgerFinding[];
  readonly accounts: number;
  /** Those that could not be: they have too many movements, or moved each time. */
  readonly unchecked: number;
  /** Whether every account there is was looked at. */
  readonly isWhole: boolean;
}

interface AccountWalkInput {
  readonly ledger: Pick<ReconcilableLedger, "checkAccounts" | "accountPart" | "passedAccounts">;
  /** The last account that was looked at; '' before the first. */
  readonly from: string;
  readonly pace: Pace;
  readonly hasTime: () => boolean;
  /** Whether it goes on from the beginning after the last account. */
  readonly goesRound: boolean;
}

/** An account that has moved while it was read is read again, so many times. */
const TRIES_MAX = 3;

/**
 * Looks at accounts from where the last walk ended, at one at least and once around at most, and
 * remembers where this one did.
 */
export async function walkAccounts({
  ledger,
  from,
  pace,
  hasTime,
  goesRound,
}: AccountWalkInput): Promise<AccountWalk> {
  const findings: LedgerFinding[] = [];
  let [accounts, unchecked, after] = [0, 0, from];
  let [hasWrapped, cameToEnd, isAround, isDone] = [from === "", false, false, false];
  do {
    const range = { after, limit: ACCOUNTS_PER_PAGE_MAX };
    const page = await pace.step(() => ledger.checkAccounts(range));
    findings.push(...page.findings);
    accounts += page.accounts - page.long.length;
    for (const id of page.long) {
      const found = await checkLong(ledger, id, pace, hasTime);
      isDone ||= found === "late";
      // Who had no time begins with this one next time; but who begins with it and has none either
      // would never come further.
      if (isDone && after !== from) break;
      accounts += 1;
      after = id;
      if (typeof found === "string") unchecked += 1;
      else findings.push(...found);
      if (isDone) break;
    }
    if (isDone) break;
    const { next } = page;
    after = next ?? "";
    isAround = hasWrapped && (next === null || (from !== "" && next >= from));
    if (next === null) [hasWrapped, cameToEnd] = [true, true];
    isDone = isAround || (cameToEnd && !goesRound);
  } while (!isDone && hasTime());
  await pace.step(() => ledger.passedAccounts({ from, to: after, cameToEnd }));
  return { findings: unique(findings), accounts, unchecked, isWhole: isAround };
}

/**
 * An account with many movements, part by part. Each movement changes what it holds, what it has in
 * flight or which is its newest: where none of these was another in any part, nothing has moved
 * from the first part to the last, and all of them are of one moment.
 */
async function checkLong(
  ledger: AccountWalkInput["ledger"],
  id: string,
  pace: Pace,
  hasTime: () => boolean,
): Promise<readonly LedgerFinding[] | "late" | "many" | "moving"> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const read = await readInParts(ledger, id, pace, hasTime);
    if (read !== "moving") return read;
  }
  return "moving";
}

async function readInParts(
  ledger: AccountWalkInput["ledger"],
  account: string,
  pace: Pace,
  hasTime: () => boolean,
): Promise<readonly LedgerFinding[] | "late" | "many" | "moving"> {
  const [entries, transfers] = [new Movements(), new Movements()];
  let seen: string | null = null;
  while (entries.next !== null || transfers.next !== null) {
    if (!hasTime()) return "late";
    const part = { account, entriesAfter: entries.next, transfersAfter: transfers.next };
    const read = await pace.step(() => ledger.accountPart(part));
    if (read === null) return [];
    const { balance, inFlight, newestEntry } = read;
    const now = JSON.stringify([balance, inFlight, newestEntry]);
    if (seen !== null && now !== seen) return "moving";
    seen = now;
    entries.add(read.entries);
    transfers.add(read.transfers);
    if (Math.max(entries.count, transfers.count) > MOVEMENTS_MAX) return "many";
    if (entries.next === null && transfers.next === null)
      return findingsOfAccount(account, { balance, inFlight, entries, transfers });
  }
  return [];
}

/** What the parts of one kind come to. */
class Movements {
  sum = 0;
  count = 0;
  lonely: readonly string[] = [];
  /** Where the next part begins; null after the last. */
  next: string | null = "";

  add(part: MovementsPart): void {
    if (this.next === null) return;
    this.sum += part.sum;
    this.count += part.count;
    this.lonely = [...this.lonely, ...part.lonely];
    this.next = part.next;
  }
}

/** What is found twice on the way around is told once. */
function unique(findings: readonly LedgerFinding[]): readonly LedgerFinding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}
