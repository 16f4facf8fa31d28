import { beforeAll, describe, expect, it } from "vitest";
import { firstIdAt } from "../../src/contracts/id-time.ts";
import { d1Reconciliation } from "../../src/ledger/data/d1-reconciliation.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import { db } from "./support/ledger-worker.ts";

/** Of each kind: more than any bound but that of the sums. */
const ROWS = 25_000;
const NOW_MS = 1_800_000_000_000;
/** What a statement may read: it takes some ms, and transfers wait behind it. */
const ROWS_READ_MAX = 3_100;
/** But for what lies next to each other: the sums of what was not passed yet, and messages. */
const NEIGHBOURS_READ_MAX = {
  "count(*) AS count, coalesce(sum(amount), 0) AS sum": 100_001,
  "AS inFlight, count(*)": 5_001,
  "SELECT id FROM (SELECT id, created_at": 5_001,
};

const id = (number: string, agoMs: number): string =>
  `'${firstIdAt(NOW_MS - agoMs)}-7000-8000-' || printf('%012x', ${number})`;

/**
 * One account with all movements, many with a few, and everything else that a reconciliation looks
 * into.
 */
async function fill(): Promise<void> {
  const numbers = (count = ROWS): string =>
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;
  const old = id("i", 86_400_000);
  const statements = [
    "UPDATE change_stream SET enabled = 0",
    `INSERT INTO account (id, user_id, kind, balance, opened_at) VALUES ('user:busy', 'busy', 'user', ${ROWS}, 0)`,
    `INSERT INTO account (id, user_id, kind, opened_at) ${numbers()} SELECT 'user:user-' || i, 'user-' || i, 'user', 0 FROM n`,
    `INSERT INTO entry (account_id, transfer_id, amount, contra_id, at) ${numbers()} SELECT 'clearing', ${old}, 1, 'user:busy', 0 FROM n`,
    `INSERT INTO entry (account_id, transfer_id, amount, contra_id, at) ${numbers()} SELECT 'user:busy', ${old}, -1, 'clearing', 0 FROM n`,
    `INSERT INTO entry (account_id, transfer_id, amount, contra_id, at) ${numbers()} SELECT 'equity', ${id("i", 90_000_000)}, -1, 'user:user-' || i, 0 FROM n`,
    `INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at) ${numbers()}
      SELECT 'busy', ${old}, 'transfer', 'k-' || i, 'h', 1, 'settled', 0 FROM n`,
    `INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, created_at, driven_at) ${numbers()}
      SELECT ${old}, 'busy', 1, 'parked', 1, 0, ${NOW_MS}, 0 FROM n`,
    `INSERT INTO reconciliation_open (id, counted) ${numbers(1_000)} SELECT ${old}, 0 FROM n`,
  ];
  for (const statement of statements) await db.prepare(statement).run();
}

describe("a reconciliation of a large ledger", () => {
  beforeAll(fill);

  it("reads few rows in each statement, whatever there is and wherever it has come to", async () => {
    const { metered, statements } = meteredD1(db);
    const store = d1Reconciliation(metered);
    const progress = await store.progress();
    expect(progress.open).toHaveLength(1_000);
    const rows = await store.compared({ after: "", before: "ffffffff-ffff", limit: 200 });
    const ids = rows.map((row) => row.id);
    await store.comparedOf(ids);
    await store.passed({ from: "", to: ids.at(-1) ?? "", open: ids });
    await store.books(NOW_MS, false);
    await store.rested(progress.open.slice(0, 200));
    let page = await store.checkAccounts({ after: "", limit: 10 });
    expect(page.long).toEqual(["user:busy"]);
    page = await store.checkAccounts({ after: page.next ?? "", limit: 10 });
    const part = await store.accountPart({ account: "user:busy", entriesAfter: "", transfersAfter: "" });
    expect([part?.entries.count, part?.transfers.count]).toEqual([150, 150]);
    await store.accountPart({
      account: "user:busy",
      entriesAfter: part?.entries.next ?? null,
      transfersAfter: part?.transfers.next ?? null,
    });
    await store.passedAccounts({ from: "", to: page.next ?? "", cameToEnd: true }, NOW_MS);
    const books = await store.books(NOW_MS, true);
    expect(books).toMatchObject({ inFlight: ROWS, equityExcess: null, clearingExcess: expect.any(Number) });
    await store.explained(books.through);
    await store.restart({ through: books.through, difference: 1, equityDifference: 0 });

    const told = [...statements].flatMap(([query, { rowsReadMax }]) => {
      const [, most = ROWS_READ_MAX] =
        Object.entries(NEIGHBOURS_READ_MAX).find(([fragment]) => query.includes(fragment)) ?? [];
      return rowsReadMax > most ? [`reads ${rowsReadMax} rows, not ${most}: ${query}`] : [];
    });
    expect(told).toEqual([]);
    expect(statements.size).toBeGreaterThanOrEqual(19);
  });

  it("doesn't sum at all where it is not asked to", async () => {
    const { metered, rowsRead } = meteredD1(db);
    await db.prepare("DELETE FROM outbox").run();
    await db.prepare("DELETE FROM reconciliation_open").run();
    expect(await d1Reconciliation(metered).books(NOW_MS, false)).toMatchObject({
      clearingExcess: null,
      equityExcess: null,
    });
    expect(rowsRead()).toBeLessThan(20);
  });
});
