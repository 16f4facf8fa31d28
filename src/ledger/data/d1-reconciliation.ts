import { firstIdAt } from "../../contracts/id-time.ts";
import {
  FINDINGS_MAX,
  OPEN_MAX,
  type LedgerBooks,
  type OwnAccount,
  type ReconciliationProgress,
} from "../../contracts/ledger-reconciliation.ts";
import { d1Batch, d1Call, rowsOf } from "../../platform/database/d1-call.ts";
import { bound, boundAll, namedSql } from "../../platform/database/named-sql.ts";
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

const PROGRESS = namedSql(
  "SELECT through_id AS through, account_id AS account, walked_at AS walkedAtMs FROM reconciliation WHERE id = 1",
);
const OPEN = namedSql("SELECT id FROM reconciliation_open ORDER BY id LIMIT :limit");

const OPENED = namedSql(`
  INSERT INTO reconciliation_open (id, counted)
  SELECT value, EXISTS (SELECT 1 FROM entry WHERE account_id = 'clearing' AND transfer_id = value AND value <= :to)
  FROM json_each(:open) WHERE EXISTS (SELECT 1 FROM reconciliation WHERE id = 1 AND through_id = :from) ON CONFLICT (id) DO NOTHING`);
const between = <Account extends OwnAccount>(account: Account) =>
  `(SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id = '${account}' AND transfer_id > :from AND transfer_id <= :to)` as const;
const othersBetween = <Account extends OwnAccount>(account: Account) =>
  `(SELECT coalesce(sum(o.amount), 0) FROM entry e CROSS JOIN entry o ON o.account_id = e.contra_id AND o.transfer_id = e.transfer_id
    WHERE e.account_id = '${account}' AND e.transfer_id > :from AND e.transfer_id <= :to)` as const;
const PASS = namedSql(`
  UPDATE reconciliation SET through_id = :to, clearing = clearing + ${between("clearing")}, equity = equity + ${between("equity")},
    sum_of_entries = sum_of_entries + ${between("clearing")} + ${between("equity")} + ${othersBetween("clearing")} + ${othersBetween("equity")}
  WHERE id = 1 AND through_id = :from`);

/**
 * From the few that are open: left to itself the planner begins with every entry of the clearing
 * account.
 */
const UNCOUNTED =
  "reconciliation_open o CROSS JOIN entry e ON e.account_id = 'clearing' AND e.transfer_id = o.id WHERE o.counted = 0";
const COUNT_RESTED = namedSql(`
  UPDATE reconciliation SET clearing = clearing + (SELECT coalesce(sum(e.amount), 0) FROM ${UNCOUNTED} AND o.id IN (SELECT value FROM json_each(:ids))),
    sum_of_entries = sum_of_entries + (SELECT coalesce(sum(e.amount + c.amount), 0) FROM reconciliation_open o
      CROSS JOIN entry e ON e.account_id = 'clearing' AND e.transfer_id = o.id
      CROSS JOIN entry c ON c.account_id = e.contra_id AND c.transfer_id = e.transfer_id
      WHERE o.counted = 0 AND o.id IN (SELECT value FROM json_each(:ids)))
  WHERE id = 1`);
const RESTED = namedSql("DELETE FROM reconciliation_open WHERE id IN (SELECT value FROM json_each(:ids))");
/** `:endedAtMs` is when the last account was reached, or null. */
const PASS_ACCOUNTS = namedSql(
  "UPDATE reconciliation SET account_id = :to, walked_at = coalesce(:endedAtMs, walked_at) WHERE id = 1 AND account_id = :from",
);

const FORGET_OPEN = namedSql(
  "DELETE FROM reconciliation_open WHERE EXISTS (SELECT 1 FROM reconciliation WHERE id = 1 AND through_id = :through)",
);
const RESTART = namedSql(`
  UPDATE reconciliation SET through_id = '', clearing = 0, equity = 0, sum_of_entries = 0,
    unexplained = nullif(:difference, 0), unexplained_equity = nullif(:equityDifference, 0) WHERE id = 1 AND through_id = :through`);
const EXPLAINED = namedSql(
  "UPDATE reconciliation SET unexplained = NULL, unexplained_equity = NULL WHERE id = 1 AND through_id = :through",
);

const unpassed = <Account extends OwnAccount>(account: Account) =>
  `
  SELECT count(*) AS count, coalesce(sum(amount), 0) AS sum FROM (SELECT amount FROM entry
    WHERE account_id = '${account}' AND transfer_id > (SELECT through_id FROM reconciliation WHERE id = 1) LIMIT :${account}Max)` as const;
const UNPASSED_CLEARING = namedSql(unpassed("clearing"));
const UNPASSED_EQUITY = namedSql(unpassed("equity"));
const SUMS = namedSql(`
  SELECT through_id AS through, sum_of_entries AS sumOfEntries, (SELECT balance FROM account WHERE id = 'clearing') AS clearing, clearing AS passedClearing,
    (SELECT balance FROM account WHERE id = 'equity') - equity AS equityExcess, unexplained,
    unexplained_equity AS unexplainedEquity,
    (SELECT coalesce(sum(e.amount), 0) FROM ${UNCOUNTED}) AS uncounted
  FROM reconciliation WHERE id = 1`);
const IN_FLIGHT = namedSql(`
  SELECT coalesce(sum(amount), 0) AS inFlight, count(*) AS count, max(id) AS last
  FROM (SELECT id, amount FROM outbox WHERE id > :after ORDER BY id LIMIT :limit)`);
/** `:idOfThen` spares it what is younger: it looks at so many of the others. */
const LATE = namedSql(`
  SELECT id FROM (SELECT id, created_at FROM outbox WHERE id < :idOfThen ORDER BY id LIMIT :lookedAtMax) WHERE created_at < :beforeMs ORDER BY id LIMIT :limit`);

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
      const batch = boundAll(db, [PROGRESS, OPEN], { limit: OPEN_MAX });
      const results = await d1Batch("read how far it is reconciled", db, batch);
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
      const batch = boundAll(db, [OPENED, PASS], { from, to, open: JSON.stringify(open) });
      await d1Batch("pass compared transfers", db, batch);
    },

    async rested(ids) {
      const batch = boundAll(db, [COUNT_RESTED, RESTED], { ids: JSON.stringify(ids) });
      await d1Batch("close compared transfers", db, batch);
    },

    async passedAccounts({ from, to, cameToEnd }, nowMs) {
      await d1Call("pass checked accounts", () =>
        bound(db, PASS_ACCOUNTS, { from, to, endedAtMs: cameToEnd ? nowMs : null }).run(),
      );
    },

    async restart({ through, difference, equityDifference }) {
      const batch = boundAll(db, [FORGET_OPEN, RESTART], { through, difference, equityDifference });
      await d1Batch("reconcile anew", db, batch);
    },

    async explained(through) {
      await d1Call("forget a difference", () => bound(db, EXPLAINED, { through }).run());
    },

    async books(lateBeforeMs, withSums): Promise<LedgerBooks> {
      const sums = await readSums(db, withSums);
      const late = bound(db, LATE, {
        beforeMs: lateBeforeMs,
        idOfThen: firstIdAt(lateBeforeMs),
        lookedAtMax: MESSAGES_PER_STEP,
        limit: FINDINGS_MAX,
      });
      const { results } = await d1Call("read late messages", () => late.all<{ readonly id: string }>());
      return { ...sums, inFlight: await readInFlight(db), late: results.map(({ id }) => id) };
    },
  };
}

/** One batch is one moment: what must be equal is read together. */
async function readSums(db: D1Database, withSums: boolean): Promise<Omit<LedgerBooks, "inFlight" | "late">> {
  const [clearingMax, equityMax] = withSums ? [UNPASSED_MAX.clearing, UNPASSED_MAX.equity] : [0, 0];
  const batch = boundAll(db, [SUMS, UNPASSED_CLEARING, UNPASSED_EQUITY], { clearingMax, equityMax });
  const results = await d1Batch("read the books", db, batch);
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
      clearing.count < clearingMax
        ? sums.clearing - sums.passedClearing - clearing.sum - sums.uncounted
        : null,
    equityExcess: equity.count < equityMax ? sums.equityExcess - equity.sum : null,
  };
}

/**
 * Messages leave while they are read: each step is of its own moment, and nothing is held against
 * their sum.
 */
async function readInFlight(db: D1Database): Promise<number> {
  let [inFlight, after] = [0, ""];
  for (let step = 0; step < MESSAGE_STEPS_MAX; step += 1) {
    const statement = bound(db, IN_FLIGHT, { after, limit: MESSAGES_PER_STEP });
    const [row] = (await d1Call("read what is in flight", () => statement.all<MessagesRow>())).results;
    inFlight += row?.inFlight ?? 0;
    if (row === undefined || row.last === null || row.count < MESSAGES_PER_STEP) break;
    after = row.last;
  }
  return inFlight;
}
