import { FINDINGS_MAX, type CheckedAccounts, type LedgerFinding } from "../../contracts/ledger-reconciliation.ts";
import { d1Call } from "../../platform/d1-call.ts";

/** An account with more movements is not read: its sum would stop the ledger for as long as that takes. */
const MOVEMENTS_MAX = 20_000;

/** Each account's entries with their other sides, and each owner's transfers with their entries: read once, and told as JSON. 1 after, 2 limit, 3 most movements. */
const ACCOUNTS = `
  SELECT a.id AS id, a.balance AS balance, a.in_flight AS inFlight, (
    SELECT json_array(coalesce(sum(e.amount), 0), count(*), json_group_array(e.transfer_id) FILTER (WHERE c.amount IS NOT -e.amount))
    FROM (SELECT transfer_id, contra_id, amount FROM entry WHERE account_id = a.id LIMIT ?3) e
    LEFT JOIN entry c ON c.account_id = e.contra_id AND c.transfer_id = e.transfer_id) AS entries, (
    SELECT json_array(coalesce(sum(t.amount) FILTER (WHERE t.operation = 'transfer' AND t.outcome = 'pending'), 0), count(*),
      json_group_array(t.id) FILTER (WHERE t.operation = 'transfer' AND t.outcome <> 'failed' AND e.amount IS NULL))
    FROM (SELECT id, operation, outcome, amount FROM transfer WHERE owner = a.user_id LIMIT ?3) t
    LEFT JOIN entry e ON e.account_id = 'clearing' AND e.transfer_id = t.id) AS transfers
  FROM (SELECT id, user_id, balance, in_flight FROM account WHERE id > max(?1, 'user:') ORDER BY id LIMIT ?2) a`;

interface AccountRow {
  readonly id: string;
  readonly balance: number;
  readonly inFlight: number;
  readonly entries: string;
  readonly transfers: string;
}

/** A sum, how many it is of, and which of them lack their counterpart. */
type Summed = readonly [sum: number, count: number, lonely: readonly string[]];

/** Some accounts of one ledger's D1, held against their entries and transfers. One statement is one moment. */
export async function checkAccounts(db: D1Database, after: string, limit: number): Promise<CheckedAccounts> {
  const statement = db.prepare(ACCOUNTS).bind(after, limit, MOVEMENTS_MAX + 1);
  const { results } = await d1Call("check accounts", () => statement.all<AccountRow>());
  const accounts = results.map(({ entries, transfers, ...account }) => ({
    ...account,
    entries: JSON.parse(entries) as Summed,
    transfers: JSON.parse(transfers) as Summed,
  }));
  const read = accounts.filter(({ entries, transfers }) => entries[1] <= MOVEMENTS_MAX && transfers[1] <= MOVEMENTS_MAX);
  return {
    findings: read.flatMap(findingsOf).slice(0, FINDINGS_MAX),
    accounts: accounts.length,
    movements: accounts.reduce((sum, { entries, transfers }) => sum + entries[1] + transfers[1], 0),
    unchecked: accounts.length - read.length,
    next: accounts.length < limit ? null : (accounts.at(-1)?.id ?? null),
  };
}

function findingsOf(account: Omit<AccountRow, "entries" | "transfers"> & Readonly<Record<"entries" | "transfers", Summed>>) {
  const { id, balance, inFlight, entries, transfers } = account;
  const findings: LedgerFinding[] = [...entries[2], ...transfers[2]].map((lonely) => ({ kind: "unbalanced_transfer", id: lonely }));
  if (balance !== entries[0]) findings.unshift({ kind: "wrong_balance", id, difference: balance - entries[0] });
  if (inFlight !== transfers[0]) findings.unshift({ kind: "in_flight", id, difference: inFlight - transfers[0] });
  return findings;
}
