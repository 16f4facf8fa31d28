import { firstIdAt } from "../../contracts/id-time.ts";
import { FINDINGS_MAX, OPEN_MAX, type LedgerBooks, type ReconciliationProgress } from "../../contracts/ledger-reconciliation.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/d1-call.ts";
import type { ReconciliationStore } from "../biz/ports.ts";
import { checkAccounts } from "./d1-checked-accounts.ts";
import { d1ComparedRows } from "./d1-compared-rows.ts";

/** Entries that were not passed yet are summed up to so many; a range of them is read in some ms. */
const UNPASSED_MAX = 100_000;
const MESSAGES_MAX = 50_000;

const PROGRESS = "SELECT through_id AS through, account_id AS account FROM reconciliation WHERE id = 1";
/** 1 limit. */
const OPEN = "SELECT id FROM reconciliation_open ORDER BY id LIMIT ?1";

/** 1 from, 2 to, 3 open ids as JSON. */
const OPENED = `
  INSERT INTO reconciliation_open (id, counted)
  SELECT value, EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = value AND value <= ?2)
  FROM json_each(?3) WHERE EXISTS (SELECT 1 FROM reconciliation WHERE id = 1 AND through_id = ?1) ON CONFLICT (id) DO NOTHING`;
const between = (account: string): string =>
  `(SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id = '${account}' AND transfer_id > ?1 AND transfer_id <= ?2)`;
const othersBetween = (account: string): string =>
  `(SELECT coalesce(sum(o.amount), 0) FROM entry e JOIN entry o ON o.account_id = e.contra_id AND o.transfer_id = e.transfer_id
    WHERE e.account_id = '${account}' AND e.transfer_id > ?1 AND e.transfer_id <= ?2)`;
/** 1 from, 2 to. */
const PASS = `
  UPDATE reconciliation SET through_id = ?2, clearing = clearing + ${between("clearing")}, equity = equity + ${between("equity")},
    sum_of_entries = sum_of_entries + ${between("clearing")} + ${between("equity")} + ${othersBetween("clearing")} + ${othersBetween("equity")}
  WHERE id = 1 AND through_id = ?1`;

/** From the few that are open: left to itself the planner begins with every entry of the clearing account. */
const UNCOUNTED = "reconciliation_open o CROSS JOIN entry e ON e.account_id = 'clearing' AND e.transfer_id = o.id WHERE o.counted = 0";
/** 1 ids as JSON. */
const COUNT_RESTED = `
  UPDATE reconciliation SET clearing = clearing + (SELECT coalesce(sum(e.amount), 0) FROM ${UNCOUNTED} AND o.id IN (SELECT value FROM json_each(?1))),
    sum_of_entries = sum_of_entries + (SELECT coalesce(sum(e.amount + c.amount), 0) FROM reconciliation_open o
      JOIN entry e ON e.account_id = 'clearing' AND e.transfer_id = o.id
      JOIN entry c ON c.account_id = e.contra_id AND c.transfer_id = e.transfer_id
      WHERE o.counted = 0 AND o.id IN (SELECT value FROM json_each(?1)))
  WHERE id = 1`;
const RESTED = "DELETE FROM reconciliation_open WHERE id IN (SELECT value FROM json_each(?1))";
/** 1 account. */
const PASS_ACCOUNTS = "UPDATE reconciliation SET account_id = ?1 WHERE id = 1 AND account_id <> ?1";

const RESTART = "UPDATE reconciliation SET through_id = '', clearing = 0, equity = 0, sum_of_entries = 0 WHERE id = 1";
const FORGET_OPEN = "DELETE FROM reconciliation_open";

/** 1 most. */
const unpassed = (account: string): string => `
  SELECT count(*) AS count, coalesce(sum(amount), 0) AS sum FROM (SELECT amount FROM entry
    WHERE account_id = '${account}' AND transfer_id > (SELECT through_id FROM reconciliation WHERE id = 1) LIMIT ?1)`;
const SUMS = `
  SELECT sum_of_entries AS sumOfEntries, (SELECT balance FROM account WHERE id = 'clearing') AS clearing, clearing AS passedClearing,
    (SELECT balance FROM account WHERE id = 'equity') - equity AS equityExcess,
    (SELECT coalesce(sum(e.amount), 0) FROM ${UNCOUNTED}) AS uncounted
  FROM reconciliation WHERE id = 1`;
/** 1 most. */
const IN_FLIGHT = "SELECT coalesce(sum(amount), 0) AS inFlight FROM (SELECT amount FROM outbox LIMIT ?1)";
/** 1 before, 2 an id of then, 3 limit. */
const LATE = "SELECT id FROM outbox WHERE created_at < ?1 AND id < ?2 ORDER BY id LIMIT ?3";

interface SumsRow {
  readonly sumOfEntries: number;
  readonly clearing: number;
  readonly passedClearing: number;
  readonly equityExcess: number;
  readonly uncounted: number;
}

interface UnpassedRow {
  readonly count: number;
  readonly sum: number;
}

/** What a reconciliation reads of one ledger's D1, and how far it has come there. */
export function d1Reconciliation(db: D1Database): ReconciliationStore {
  return {
    ...d1ComparedRows(db),
    checkAccounts: ({ after, limit }) => checkAccounts(db, after, limit),

    async progress(): Promise<ReconciliationProgress> {
      const results = await d1Batch("read how far it is reconciled", db, [db.prepare(PROGRESS), db.prepare(OPEN).bind(OPEN_MAX)]);
      const [row] = rowsOf<Omit<ReconciliationProgress, "open">>(results, 0);
      return { through: "", account: "", ...row, open: rowsOf<{ readonly id: string }>(results, 1).map(({ id }) => id) };
    },

    async passed({ from, to, open }) {
      await d1Batch("pass compared transfers", db, [
        db.prepare(OPENED).bind(from, to, JSON.stringify(open)),
        db.prepare(PASS).bind(from, to),
      ]);
    },

    async rested(ids) {
      const json = JSON.stringify(ids);
      await d1Batch("close compared transfers", db, [db.prepare(COUNT_RESTED).bind(json), db.prepare(RESTED).bind(json)]);
    },

    async passedAccounts(account) {
      await d1Call("pass checked accounts", () => db.prepare(PASS_ACCOUNTS).bind(account).run());
    },

    async restart() {
      await d1Batch("reconcile anew", db, [db.prepare(RESTART), db.prepare(FORGET_OPEN)]);
    },

    async books(lateBeforeMs): Promise<LedgerBooks> {
      const results = await d1Batch("read the books", db, [
        db.prepare(SUMS),
        db.prepare(unpassed("clearing")).bind(UNPASSED_MAX),
        db.prepare(unpassed("equity")).bind(UNPASSED_MAX),
        db.prepare(IN_FLIGHT).bind(MESSAGES_MAX),
        db.prepare(LATE).bind(lateBeforeMs, firstIdAt(lateBeforeMs), FINDINGS_MAX),
      ]);
      const [[sums], [clearing], [equity]] = [
        rowsOf<SumsRow>(results, 0),
        rowsOf<UnpassedRow>(results, 1),
        rowsOf<UnpassedRow>(results, 2),
      ];
      if (sums === undefined || clearing === undefined || equity === undefined) throw new Error("the books have no sums");
      const isWhole = (row: UnpassedRow): boolean => row.count < UNPASSED_MAX;
      return {
        clearing: sums.clearing,
        sumOfEntries: sums.sumOfEntries,
        inFlight: rowsOf<{ readonly inFlight: number }>(results, 3)[0]?.inFlight ?? 0,
        clearingExcess: isWhole(clearing) ? sums.clearing - sums.passedClearing - clearing.sum - sums.uncounted : null,
        equityExcess: isWhole(equity) ? sums.equityExcess - equity.sum : null,
        late: rowsOf<{ readonly id: string }>(results, 4).map(({ id }) => id),
      };
    },
  };
}
