import {
  ACCOUNTS_PER_PAGE_MAX,
  findingsOfAccount,
  FINDINGS_MAX,
  type AccountInPart,
  type AccountPart,
  type AccountsRange,
  type CheckedAccounts,
  type MovementsPart,
} from "../../contracts/ledger-reconciliation.ts";
import { d1Call } from "../../platform/database/d1-call.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import { BEFORE_USERS } from "./account-id.ts";

/**
 * Movements of each kind that one statement looks at: each costs a look-up by key somewhere in a
 * large table, which takes 70 µs where it has to come from the disk. In a page every account may
 * have its share, and one that has more is read by itself.
 */
const PART_MAX = 150;
const SHARE_MAX = PART_MAX / ACCOUNTS_PER_PAGE_MAX;
/** Greater than any id. */
const END = "g";

/** What the first entries of account `a` behind a place sum to, with their other sides. */
const entriesAfter = <Place extends string>(after: Place) =>
  `(
  SELECT json_array(coalesce(sum(e.amount), 0), count(*), json_group_array(e.transfer_id) FILTER (WHERE c.amount IS NOT -e.amount), max(e.transfer_id))
  FROM (SELECT transfer_id, contra_id, amount FROM entry WHERE account_id = a.id AND transfer_id > ${after} ORDER BY transfer_id LIMIT :movementsMax) e
  LEFT JOIN entry c ON c.account_id = e.contra_id AND c.transfer_id = e.transfer_id)` as const;
/** What its owner has pending behind a place, and each transfer with its entry. */
const transfersAfter = <Place extends string>(after: Place) =>
  `(
  SELECT json_array(coalesce(sum(t.amount) FILTER (WHERE t.operation = 'transfer' AND t.outcome = 'pending'), 0), count(*),
    json_group_array(t.id) FILTER (WHERE t.operation = 'transfer' AND t.outcome <> 'failed' AND e.amount IS NULL), max(t.id))
  FROM (SELECT id, operation, outcome, amount FROM transfer WHERE owner = a.user_id AND id > ${after} ORDER BY id LIMIT :movementsMax) t
  LEFT JOIN entry e ON e.account_id = 'clearing' AND e.transfer_id = t.id)` as const;

const ACCOUNTS = namedSql(`
  SELECT a.id AS id, a.balance AS balance, a.in_flight AS inFlight, NULL AS newestEntry,
    ${entriesAfter("''")} AS entries, ${transfersAfter("''")} AS transfers
  FROM (SELECT id, user_id, balance, in_flight FROM account WHERE id > max(:after, ${BEFORE_USERS}) ORDER BY id LIMIT :limit) a`);
const PART = namedSql(`
  SELECT a.id AS id, a.balance AS balance, a.in_flight AS inFlight, a.newest_entry AS newestEntry,
    ${entriesAfter(":entriesAfter")} AS entries, ${transfersAfter(":transfersAfter")} AS transfers
  FROM account a WHERE a.id = :account`);

interface AccountRow {
  readonly id: string;
  readonly balance: number;
  readonly inFlight: number;
  readonly newestEntry: string | null;
  /** As JSON: {@link Summed}. */
  readonly entries: string;
  readonly transfers: string;
}

type Summed = readonly [sum: number, count: number, lonely: readonly string[], last: string | null];

/**
 * Accounts of one ledger's D1, held against their entries and transfers. One statement is one
 * moment, and reads so many rows at most, whatever the accounts are like.
 */
export function d1CheckedAccounts(db: D1Database) {
  return {
    async checkAccounts({ after, limit }: AccountsRange): Promise<CheckedAccounts> {
      const statement = bound(db, ACCOUNTS, { after, limit, movementsMax: SHARE_MAX + 1 });
      const { results } = await d1Call("check accounts", () => statement.all<AccountRow>());
      const accounts = results.map((row) => ({ id: row.id, account: inPart(row, SHARE_MAX + 1) }));
      const isLong = ({ account: { entries, transfers } }: (typeof accounts)[number]): boolean =>
        entries.next !== null || transfers.next !== null;
      return {
        findings: accounts
          .flatMap((one) => (isLong(one) ? [] : findingsOfAccount(one.id, one.account)))
          .slice(0, FINDINGS_MAX),
        accounts: accounts.length,
        long: accounts.filter(isLong).map(({ id }) => id),
        next: accounts.length < limit ? null : (accounts.at(-1)?.id ?? null),
      };
    },

    async accountPart({ account, entriesAfter, transfersAfter }: AccountPart): Promise<AccountInPart | null> {
      const statement = bound(db, PART, {
        account,
        entriesAfter: entriesAfter ?? END,
        transfersAfter: transfersAfter ?? END,
        movementsMax: PART_MAX,
      });
      const [row] = (await d1Call("check a part of an account", () => statement.all<AccountRow>())).results;
      return row === undefined ? null : inPart(row, PART_MAX);
    },
  };
}

function inPart(
  { balance, inFlight, newestEntry, entries, transfers }: AccountRow,
  limit: number,
): AccountInPart {
  const partOf = (json: string): MovementsPart => {
    const [sum, count, lonely, last] = JSON.parse(json) as Summed;
    return { sum, count, lonely, next: count < limit ? null : last };
  };
  return { balance, inFlight, newestEntry, entries: partOf(entries), transfers: partOf(transfers) };
}
