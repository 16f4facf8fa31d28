import type { LedgerFinding } from "../../contracts/ledger-reconciliation.ts";
import { ACCOUNTS_PER_PAGE_MAX } from "../../contracts/ledger-reconciliation.ts";
import type { ReconcilableLedger } from "./reconcilable-ledger.ts";

export interface AccountWalk {
  readonly findings: readonly LedgerFinding[];
  readonly accounts: number;
  readonly unchecked: number;
  /** Whether every account there is was looked at. */
  readonly isWhole: boolean;
}

/** So many movements are read in some ms. */
const MOVEMENTS_PER_STEP = 500;

/**
 * Looks at accounts from where the last walk ended, at one at least and once around at most, and remembers where this one did. Each step takes as many accounts as have few enough
 * movements together: how many that is, is learnt from the step before.
 */
export async function walkAccounts(
  ledger: Pick<ReconcilableLedger, "checkAccounts" | "passedAccounts">,
  from: string,
  pace: <T>(step: () => Promise<T>) => Promise<T>,
  hasTime: () => boolean,
): Promise<AccountWalk> {
  const findings: LedgerFinding[] = [];
  let [accounts, unchecked, limit] = [0, 0, 1];
  let after = from;
  let hasWrapped = from === "";
  let isWhole = false;
  for (let isFirst = true; isFirst || (!isWhole && hasTime()); isFirst = false) {
    const range = { after, limit };
    const checked = await pace(() => ledger.checkAccounts(range));
    findings.push(...checked.findings);
    accounts += checked.accounts;
    unchecked += checked.unchecked;
    if (checked.movements < MOVEMENTS_PER_STEP / 2) limit = Math.min(ACCOUNTS_PER_PAGE_MAX, limit * 2);
    if (checked.movements > MOVEMENTS_PER_STEP) limit = Math.max(1, Math.floor(limit / 2));
    const { next } = checked;
    after = next ?? "";
    isWhole = hasWrapped && (next === null || (from !== "" && next >= from));
    if (next === null) hasWrapped = true;
  }
  await ledger.passedAccounts(after);
  return { findings: unique(findings), accounts, unchecked, isWhole };
}

/** What is found twice on the way around is told once. */
function unique(findings: readonly LedgerFinding[]): readonly LedgerFinding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}
