import type { ComparedRange, ComparedRow, OwnAccount } from "../../contracts/ledger-reconciliation.ts";
import { d1Call } from "../../platform/database/d1-call.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import { ownerSql } from "./account-id.ts";

/*
 * One statement, so that all that is said of a transfer is of one moment. Each row of it costs five
 * look-ups by key.
 */
const compared = <Entries extends string>(entries: Entries) =>
  `
  SELECT e.transfer_id AS id, e.account_id AS account, ${ownerSql("e.contra_id")} AS userId, e.amount AS amount,
    (SELECT amount FROM entry WHERE account_id = e.contra_id AND transfer_id = e.transfer_id) AS counter,
    t.operation AS operation, t.amount AS promised, t.outcome AS outcome, o.user_id AS messageUserId, o.amount AS messageAmount,
    (SELECT amount FROM entry WHERE account_id = 'clearing' AND transfer_id = back.id) AS bookedBack,
    forth.id AS refundedId, forth.outcome AS refundedOutcome, forth.amount AS refundedAmount
  FROM (${entries}) e
    LEFT JOIN transfer t ON e.account_id = 'clearing' AND t.owner = ${ownerSql("e.contra_id")} AND t.id = e.transfer_id
    LEFT JOIN outbox o ON e.amount > 0 AND o.id = e.transfer_id
    LEFT JOIN transfer back ON t.outcome = 'refunded' AND back.owner = t.owner AND back.operation = 'refund' AND back.idempotency_key = t.id
    LEFT JOIN transfer forth ON t.operation = 'refund' AND forth.owner = t.owner AND forth.id = t.idempotency_key
  ORDER BY e.transfer_id` as const;

const rangeOf = <Account extends OwnAccount>(account: Account) =>
  `
  SELECT * FROM (SELECT account_id, transfer_id, contra_id, amount FROM entry
    WHERE account_id = '${account}' AND transfer_id > :after AND transfer_id < :before ORDER BY transfer_id LIMIT :limit)` as const;
const RANGE = namedSql(
  compared(
    `SELECT * FROM (${rangeOf("clearing")} UNION ALL ${rangeOf("equity")}) ORDER BY transfer_id LIMIT :limit`,
  ),
);
const BY_IDS = namedSql(
  compared(`
  SELECT account_id, transfer_id, contra_id, amount FROM json_each(:ids) AS asked
  CROSS JOIN entry ON account_id IN ('clearing', 'equity') AND transfer_id = asked.value`),
);

/**
 * What one ledger's D1 has stored of each movement through clearing or out of equity, in the order
 * of ids.
 */
export function d1ComparedRows(db: D1Database) {
  return {
    async compared({ after, before, limit }: ComparedRange): Promise<readonly ComparedRow[]> {
      const statement = bound(db, RANGE, { after, before, limit });
      return (await d1Call("read transfers to compare", () => statement.all<ComparedRow>())).results;
    },

    async comparedOf(ids: readonly string[]): Promise<readonly ComparedRow[]> {
      const statement = bound(db, BY_IDS, { ids: JSON.stringify(ids) });
      return (await d1Call("read transfers to compare again", () => statement.all<ComparedRow>())).results;
    },
  };
}
