import { FINDINGS_MAX, type CheckedAccounts, type LedgerFinding } from "../../contracts/ledger-reconciliation.ts";
import { d1Batch, rowsOf } from "../../platform/d1-call.ts";

/** An account with more movements is not read: its sum would stop the ledger for as long as that takes. */
const MOVEMENTS_MAX = 20_000;

/** Users' accounts after one: all others come before them. 1 after, 2 limit. */
const NEXT = "SELECT id, user_id, balance, in_flight FROM account WHERE id > max(?1, 'user:') ORDER BY id LIMIT ?2";
/** 3 most movements, and one more. */
const ACCOUNTS = `
  SELECT a.id AS id, a.balance AS balance, a.in_flight AS inFlight,
    (SELECT coalesce(sum(amount), 0) FROM (SELECT amount FROM entry WHERE account_id = a.id LIMIT ?3)) AS entries,
    (SELECT count(*) FROM (SELECT 1 FROM entry WHERE account_id = a.id LIMIT ?3)) AS movements,
    (SELECT coalesce(sum(amount), 0) FROM (SELECT amount, operation, outcome FROM transfer WHERE owner = a.user_id LIMIT ?3)
      WHERE operation = 'transfer' AND outcome = 'pending') AS pending,
    (SELECT count(*) FROM (SELECT 1 FROM transfer WHERE owner = a.user_id LIMIT ?3)) AS transfers
  FROM (${NEXT}) a`;
const LAST = `(SELECT max(id) FROM (${NEXT}))`;
/** Entries of theirs without the other side. 4 most ids. */
const LONELY = `
  SELECT e.transfer_id AS id FROM (SELECT account_id, transfer_id, contra_id, amount FROM entry
    WHERE account_id > max(?1, 'user:') AND account_id <= ${LAST} LIMIT ?3) e
  LEFT JOIN entry c ON c.account_id = e.contra_id AND c.transfer_id = e.transfer_id
  WHERE c.amount IS NULL OR c.amount <> -e.amount LIMIT ?4`;
/** Transfers of theirs that were never booked. */
const UNBOOKED = `
  SELECT t.id AS id FROM (SELECT id, operation, outcome FROM transfer
    WHERE owner > substr(max(?1, 'user:'), 6) AND owner <= substr(${LAST}, 6) LIMIT ?3) t
  WHERE t.operation = 'transfer' AND t.outcome <> 'failed'
    AND NOT EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = t.id) LIMIT ?4`;

interface AccountRow {
  readonly id: string;
  readonly balance: number;
  readonly inFlight: number;
  readonly entries: number;
  readonly movements: number;
  readonly pending: number;
  readonly transfers: number;
}

/** Some accounts of one ledger's D1, held against their entries and transfers. One batch is one moment. */
export async function checkAccounts(db: D1Database, after: string, limit: number): Promise<CheckedAccounts> {
  const most = MOVEMENTS_MAX + 1;
  const results = await d1Batch("check accounts", db, [
    db.prepare(ACCOUNTS).bind(after, limit, most),
    db.prepare(LONELY).bind(after, limit, most, FINDINGS_MAX),
    db.prepare(UNBOOKED).bind(after, limit, most, FINDINGS_MAX),
  ]);
  const accounts = rowsOf<AccountRow>(results, 0);
  const read = accounts.filter(({ movements, transfers }) => movements <= MOVEMENTS_MAX && transfers <= MOVEMENTS_MAX);
  const unbalanced = [...rowsOf<{ readonly id: string }>(results, 1), ...rowsOf<{ readonly id: string }>(results, 2)];
  return {
    findings: [...read.flatMap(findingsOf), ...unbalanced.map(({ id }) => ({ kind: "unbalanced_transfer" as const, id }))],
    accounts: accounts.length,
    movements: accounts.reduce((sum, { movements, transfers }) => sum + movements + transfers, 0),
    unchecked: accounts.length - read.length,
    next: accounts.length < limit ? null : (accounts.at(-1)?.id ?? null),
  };
}

function findingsOf({ id, balance, inFlight, entries, pending }: AccountRow): readonly LedgerFinding[] {
  return [
    ...(balance === entries ? [] : [{ kind: "wrong_balance", id, difference: balance - entries } as const]),
    ...(inFlight === pending ? [] : [{ kind: "in_flight", id, difference: inFlight - pending } as const]),
  ];
}
