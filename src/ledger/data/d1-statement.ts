import type { FundsCut, StatementItem } from "../../contracts/ledger-statement.ts";
import { d1Call } from "../../platform/database/d1-call.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import { newestFirst, type StatementPlace } from "../biz/statement.ts";
import type { StatementStore } from "../biz/ports.ts";
import { accountOf, BEFORE_USERS } from "./account-id.ts";

/**
 * What an entry says to its owner. A refund and a reversal are found by the correcting transfer
 * that booked them, a transfer in by having none here.
 */
const shown = <Entries extends string>(entries: Entries) =>
  `
  SELECT m.transfer_id AS id, m.at AS at, m.amount AS amount, m.previous_entry AS previous, t.idempotency_key AS refunds,
    CASE WHEN m.contra_id = 'equity' THEN CASE WHEN m.amount > 0 THEN 'deposit' ELSE 'reversal' END
      WHEN t.operation = 'refund' THEN 'refund' ELSE 'transfer' END AS kind
  FROM (${entries}) m LEFT JOIN transfer t ON (m.amount > 0 OR m.contra_id = 'equity') AND t.owner = :userId AND t.id = m.transfer_id AND t.operation = 'refund'` as const;

const CHAINED = shown(
  `WITH RECURSIVE chain (transfer_id, at, amount, contra_id, previous_entry, place) AS (
    SELECT transfer_id, at, amount, contra_id, previous_entry, 1 FROM entry WHERE account_id = :account AND transfer_id = :first
    UNION ALL
    SELECT e.transfer_id, e.at, e.amount, e.contra_id, e.previous_entry, c.place + 1
    FROM chain c JOIN entry e ON e.account_id = :account AND e.transfer_id = c.previous_entry WHERE c.place < :limit
  ) SELECT * FROM chain`,
);
/** Each step is a look-up by key. */
const CHAIN = namedSql(`${CHAINED} ORDER BY m.place`);
/** Through the index of the unchained. */
const OF_OLD = shown(
  `SELECT transfer_id, at, amount, contra_id, previous_entry FROM entry INDEXED BY entry_unchained
   WHERE account_id = :account AND previous_entry IS NULL AND account_id > ${BEFORE_USERS} AND (at, transfer_id) < (:atMs, :id)
   ORDER BY at DESC, transfer_id DESC LIMIT :limit`,
);
const UNCHAINED = namedSql(`${OF_OLD} ORDER BY m.at DESC, m.transfer_id DESC`);
const NEWEST = namedSql("SELECT balance, newest_entry AS chained FROM account WHERE id = :account");

/** One statement, so that it is one moment. The greatest ids are read by the key of the entries. */
const CUT = namedSql(`
  SELECT a.balance AS balance, a.in_flight AS inFlight, a.paid_in AS paidIn, (
    SELECT json_group_array(json_object('id', m.transfer_id, 'amount', m.amount, 'outcome', t.outcome, 'isTransfer',
      m.contra_id = 'clearing' AND coalesce(t.operation, 'transfer') = 'transfer'))
    FROM (SELECT transfer_id, amount, contra_id FROM entry WHERE account_id = :account ORDER BY transfer_id DESC LIMIT :limit) m
    LEFT JOIN transfer t ON t.owner = :userId AND t.id = m.transfer_id) AS movements
  FROM account a WHERE a.id = :account`);

type CutRow = Omit<FundsCut, "movements" | "since"> & { readonly movements: string };
type CutMovement = FundsCut["movements"][number] & { readonly isTransfer: 0 | 1 };
type EntryRow = StatementItem & {
  readonly id: string;
  readonly previous: string | null;
  readonly refunds: string | null;
};

const NOBODYS: FundsCut = { balance: 0, inFlight: 0, paidIn: 0, movements: [], since: "" };

/** The movements of users in one ledger's D1. */
export function d1Statement(db: D1Database): StatementStore {
  const chained = async (userId: string, from: string, limit: number) => {
    if (from === "") return [];
    const statement = bound(db, CHAIN, { account: accountOf(userId), userId, first: from, limit });
    return (await d1Call("read a statement", () => statement.all<EntryRow>())).results;
  };
  const unchained = async (
    userId: string,
    { atMs, id }: StatementPlace["unchainedBefore"],
    limit: number,
  ) => {
    const statement = bound(db, UNCHAINED, { account: accountOf(userId), userId, atMs, id, limit });
    return (await d1Call("read an old statement", () => statement.all<EntryRow>())).results;
  };

  return {
    async page(userId, limit, place) {
      const newest = () =>
        d1Call("read an account", () =>
          bound(db, NEWEST, { account: accountOf(userId) }).first<{
            readonly balance: number;
            readonly chained: string | null;
          }>(),
        );
      const from = place ?? newestFirst(await newest());
      const [chain, old] = [
        await chained(userId, from.chained, limit),
        await unchained(userId, from.unchainedBefore, limit),
      ];
      return { from, chained: chain.map(movementOf), unchained: old.map(movementOf) };
    },

    async cut(userId, movementsMax) {
      const row = await d1Call("read an account's movements", () =>
        bound(db, CUT, { account: accountOf(userId), userId, limit: movementsMax }).first<CutRow>(),
      );
      if (row === null) return NOBODYS;
      const read = JSON.parse(row.movements) as readonly CutMovement[];
      const since =
        read.length < movementsMax
          ? ""
          : read.reduce((least, { id }) => (id < least ? id : least), read[0]?.id ?? "");
      const transfers = read.filter(({ isTransfer }) => isTransfer === 1);
      return {
        ...row,
        since,
        movements: transfers.map(({ id, amount, outcome }) => ({ id, amount, outcome })),
      };
    },
  };
}

function movementOf({ id, at, amount, kind, previous, refunds }: EntryRow) {
  return { id, at, amount, kind, previous: previous ?? "", of: refunds ?? id };
}
