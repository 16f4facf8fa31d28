import { firstIdAt } from "../../contracts/id-time.ts";
import {
  FINDINGS_MAX,
  OPEN_MAX,
  type LedgerBooks,
  type ReconciliationProgress,
} from "../../contracts/ledger-reconciliation.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/d1-call.ts";
import type { ReconciliationStore } from "../biz/ports.ts";
import { d1CheckedAccounts } from "./d1-checked-accounts.ts";
import { d1ComparedRows } from "./d1-compared-rows.ts";

/**
 * Entries that were not passed yet are summed up to so many: ten minutes' of as many transfers as a
 * ledger takes. A range of them is read in some ms.
 */
const UNPASSED_MAX = { clearing: 100_000, equity: 10_000 } as const;
/** Messages are longer: they are read in several steps, and transfers come between. */
const MESSAGES_PER_STEP = 5_000;
const MESSAGE_STEPS_MAX = 10;

const PROGRESS =
  "SELECT through_id AS through, account_id AS account, walked_at AS walkedAtMs FROM reconciliation WHERE id = 1";
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
  `(SELECT coalesce(sum(o.amount), 0) FROM entry e CROSS JOIN entry o ON o.account_id = e.contra_id AND o.transfer_id = e.transfer_id
    WHERE e.account_id = '${account}' AND e.transfer_id > ?1 AND e.transfer_id <= ?2)`;
/** 1 from, 2 to. */
const PASS = `
  UPDATE reconciliation SET through_id = ?2, clearing = clearing + ${between("clearing")}, equity = equity + ${between("equity")},
    sum_of_entries = sum_of_entries + ${between("clearing")} + ${between("equity")} + ${othersBetween("clearing")} + ${othersBetween("equity")}
  WHERE id = 1 AND through_id = ?1`;

/**
 * From the few that are open: left to itself the planner begins with every entry of the clearing
 * account.
 */
const UNCOUNTED =
  "reconciliation_open o CROSS JOIN entry e ON e.account_id = 'clearing' AND e.transfer_id = o.id WHERE o.counted = 0";
/** 1 ids as JSON. */
const COUNT_RESTED = `
  UPDATE reconciliation SET clearing = clearing + (SELECT coalesce(sum(e.amount), 0) FROM ${UNCOUNTED} AND o.id IN (SELECT value FROM json_each(?1))),
    sum_of_entries = sum_of_entries + (SELECT coalesce(sum(e.amount + c.amount), 0) FROM reconciliation_open o
      CROSS JOIN entry e ON e.account_id = 'clearing' AND e.transfer_id = o.id
      CROSS JOIN entry c ON c.account_id = e.contra_id AND c.transfer_id = e.transfer_id
      WHERE o.counted = 0 AND o.id IN (SELECT value FROM json_each(?1)))
  WHERE id = 1`;
const RESTED = "DELETE FROM reconciliation_open WHERE id IN (SELECT value FROM json_each(?1))";
/** 1 from, 2 to, 3 when the last account was reached, or null. */
const PASS_ACCOUNTS =
  "UPDATE reconciliation SET account_id = ?2, walked_at = coalesce(?3, walked_at) WHERE id = 1 AND account_id = ?1";

/** 1 through. */
const FORGET_OPEN =
  "DELETE FROM reconciliation_open WHERE EXISTS (SELECT 1 FROM reconciliation WHERE id = 1 AND through_id = ?1)";
/** 1 through, 2 difference of clearing, 3 of equity. */
const RESTART = `
  UPDATE reconciliation SET through_id = '', clearing = 0, equity = 0, sum_of_entries = 0,
    unexplained = nullif(?2, 0), unexplained_equity = nullif(?3, 0) WHERE id = 1 AND through_id = ?1`;
/** 1 through. */
const EXPLAINED =
  "UPDATE reconciliation SET unexplained = NULL, unexplained_equity = NULL WHERE id = 1 AND through_id = ?1";

/** 1 most. */
const unpassed = (account: string): string => `
  SELECT count(*) AS count, coalesce(sum(amount), 0) AS sum FROM (SELECT amount FROM entry
    WHERE account_id = '${account}' AND transfer_id > (SELECT through_id FROM reconciliation WHERE id = 1) LIMIT ?1)`;
const SUMS = `
  SELECT through_id AS through, sum_of_entries AS sumOfEntries, (SELECT balance FROM account WHERE id = 'clearing') AS clearing, clearing AS passedClearing,
    (SELECT balance FROM account WHERE id = 'equity') - equity AS equityExcess, unexplained,
    unexplained_equity AS unexplainedEquity,
    (SELECT coalesce(sum(e.amount), 0) FROM ${UNCOUNTED}) AS uncounted
  FROM reconciliation WHERE id = 1`;
/** 1 after, 2 most. */
const IN_FLIGHT = `
  SELECT coalesce(sum(amount), 0) AS inFlight, count(*) AS count, max(id) AS last
  FROM (SELECT id, amount FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2)`;
/** 1 before, 2 an id of then, 3 most to look at, 4 limit. */
const LATE = `
  SELECT id FROM (SELECT id, created_at FROM outbox WHERE id < ?2 ORDER BY id LIMIT ?3) WHERE created_at < ?1 ORDER BY id LIMIT ?4`;

interface SumsRow {
  readonly through: string;
  readonly sumOfEntries: number;
  readonly clearing: number;
  readonly passedClearing: number;
  readonly equityExcess: number;
  readonly uncounted: number;
  readonly unexplained: number | null;
  readonly unexplainedEquity: number | null;
}

interface UnpassedRow {
  readonly count: number;
  readonly sum: number;
}

interface MessagesRow {
  readonly inFlight: number;
  readonly count: number;
  readonly last: string | null;
}

/** What a reconciliation reads of one ledger's D1, and how far it has come there. */
export function d1Reconciliation(db: D1Database): ReconciliationStore {
  return {
    ...d1ComparedRows(db),
    ...d1CheckedAccounts(db),

    async progress(): Promise<ReconciliationProgress> {
      const results = await d1Batch("read how far it is reconciled", db, [
        db.prepare(PROGRESS),
        db.prepare(OPEN).bind(OPEN_MAX),
      ]);
      const [row] = rowsOf<Omit<ReconciliationProgress, "open">>(results, 0);
      return {
        through: "",
        account: "",
        walkedAtMs: null,
        ...row,
        open: rowsOf<{ readonly id: string }>(results, 1).map(({ id }) => id),
      };
    },

    async passed({ from, to, open }) {
      await d1Batch("pass compared transfers", db, [
        db.prepare(OPENED).bind(from, to, JSON.stringify(open)),
        db.prepare(PASS).bind(from, to),
      ]);
    },

    async rested(ids) {
      const json = JSON.stringify(ids);
      await d1Batch("close compared transfers", db, [
        db.prepare(COUNT_RESTED).bind(json),
        db.prepare(RESTED).bind(json),
      ]);
    },

    async passedAccounts({ from, to, cameToEnd }, nowMs) {
      await d1Call("pass checked accounts", () =>
        db
          .prepare(PASS_ACCOUNTS)
          .bind(from, to, cameToEnd ? nowMs : null)
          .run(),
      );
    },

    async restart({ through, difference, equityDifference }) {
      await d1Batch("reconcile anew", db, [
        db.prepare(FORGET_OPEN).bind(through),
        db.prepare(RESTART).bind(through, difference, equityDifference),
      ]);
    },

    async explained(through) {
      await d1Call("forget a difference", () => db.prepare(EXPLAINED).bind(through).run());
    },

    async books(lateBeforeMs, withSums): Promise<LedgerBooks> {
      const sums = await readSums(db, withSums);
      const late = db
        .prepare(LATE)
        .bind(lateBeforeMs, firstIdAt(lateBeforeMs), MESSAGES_PER_STEP, FINDINGS_MAX);
      const { results } = await d1Call("read late messages", () => late.all<{ readonly id: string }>());
      return { ...sums, inFlight: await readInFlight(db), late: results.map(({ id }) => id) };
    },
  };
}

/** One batch is one moment: what must be equal is read together. */
async function readSums(db: D1Database, withSums: boolean): Promise<Omit<LedgerBooks, "inFlight" | "late">> {
  const most = (account: keyof typeof UNPASSED_MAX): number => (withSums ? UNPASSED_MAX[account] : 0);
  const results = await d1Batch("read the books", db, [
    db.prepare(SUMS),
    db.prepare(unpassed("clearing")).bind(most("clearing")),
    db.prepare(unpassed("equity")).bind(most("equity")),
  ]);
  const [[sums], [clearing], [equity]] = [
    rowsOf<SumsRow>(results, 0),
    rowsOf<UnpassedRow>(results, 1),
    rowsOf<UnpassedRow>(results, 2),
  ];
  if (sums === undefined || clearing === undefined || equity === undefined)
    throw new Error("the books have no sums");
  return {
    through: sums.through,
    clearing: sums.clearing,
    sumOfEntries: sums.sumOfEntries,
    unexplained: sums.unexplained,
    unexplainedEquity: sums.unexplainedEquity,
    clearingExcess:
      clearing.count < most("clearing")
        ? sums.clearing - sums.passedClearing - clearing.sum - sums.uncounted
        : null,
    equityExcess: equity.count < most("equity") ? sums.equityExcess - equity.sum : null,
  };
}

/**
 * Messages leave while they are read: each step is of its own moment, and nothing is held against
 * their sum.
 */
async function readInFlight(db: D1Database): Promise<number> {
  let [inFlight, after] = [0, ""];
  for (let step = 0; step < MESSAGE_STEPS_MAX; step += 1) {
    const statement = db.prepare(IN_FLIGHT).bind(after, MESSAGES_PER_STEP);
    const [row] = (await d1Call("read what is in flight", () => statement.all<MessagesRow>())).results;
    inFlight += row?.inFlight ?? 0;
    if (row === undefined || row.last === null || row.count < MESSAGES_PER_STEP) break;
    after = row.last;
  }
  return inFlight;
}
