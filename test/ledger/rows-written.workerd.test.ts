import { describe, expect, it } from "vitest";
import { d1Changes } from "../../src/ledger/data/d1-changes.ts";
import { d1Inbox } from "../../src/ledger/data/d1-inbox.ts";
import { d1Outbox } from "../../src/ledger/data/d1-outbox.ts";
import { INBOX_RETENTION_MS, d1Retention } from "../../src/ledger/data/d1-retention.ts";
import { d1Transfers } from "../../src/ledger/data/d1-transfers.ts";
import { db, newId } from "./support/ledger-worker.ts";

/** D1 as it is, with a count of the rows it says it has written. */
function metered(): { readonly metered: D1Database; readonly rows: () => number } {
  let rows = 0;
  const originals = new WeakMap<object, D1PreparedStatement>();
  const count = <T extends D1Result>(result: T): T => {
    rows += result.meta.rows_written;
    return result;
  };
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
      run: async () => count(await statement.run()),
      all: async () => count(await statement.all()),
      first: async () => count(await statement.all()).results[0] ?? null,
    } as unknown as D1PreparedStatement;
    originals.set(wrapped, statement);
    return wrapped;
  };
  const database = {
    prepare: (query: string) => wrap(db.prepare(query)),
    batch: async (statements: D1PreparedStatement[]) => {
      const results = await db.batch(statements.map((statement) => originals.get(statement) ?? statement));
      results.forEach(count);
      return results;
    },
  } as unknown as D1Database;
  return { metered: database, rows: () => rows };
}

/** Rows of one transfer in both ledgers, from its debit to the day when all that can be pruned is: here one database is both. */
async function rowsOfTransfer(changeStream: boolean): Promise<number> {
  const userId = `metered-${crypto.randomUUID()}`;
  const nowMs = Date.now();
  await d1Changes(db, "wallet").enable(changeStream);
  await d1Transfers(db, "wallet").deposit({
    id: newId(),
    actor: "op",
    userId,
    key: userId,
    payloadHash: "h",
    amount: 100,
    auditId: newId(),
    nowMs,
  });
  // The newest row is kept for its number's sake; another one takes that part.
  const { metered: own, rows } = metered();
  const id = newId();
  await d1Transfers(own, "wallet").open({ id, owner: userId, key: "k", payloadHash: "h", amount: 10, nowMs, nextAtMs: nowMs + 2_000 });
  const arrived = newId();
  await d1Inbox(own).credit({ v: 1, transferId: arrived, from: "savings", userId, amount: 10, attempt: 1 }, "token", nowMs);
  await d1Outbox(own).settle(id, nowMs);
  if (changeStream) await d1Changes(own, "wallet").published(1_000_000);
  const before = rows();
  await d1Retention(own).prune(nowMs + INBOX_RETENTION_MS + 10_000);
  const pruned = rows() - before;
  expect(pruned).toBeGreaterThanOrEqual(1);
  return rows();
}

describe("a transfer writes, in both ledgers together and with pruning", () => {
  it("at most 18 rows of D1 without the change stream", async () => {
    const rows = await rowsOfTransfer(false);
    expect(rows).toBeGreaterThanOrEqual(15);
    expect(rows).toBeLessThanOrEqual(18);
  });

  it("at most 25 with it", async () => {
    const rows = await rowsOfTransfer(true);
    expect(rows).toBeGreaterThanOrEqual(19);
    expect(rows).toBeLessThanOrEqual(25);
  });
});
