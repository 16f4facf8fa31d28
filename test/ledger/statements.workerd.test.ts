import { createMessageBatch } from "cloudflare:test";
import { env as anyEnv } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { amountOf } from "../../src/ledger/biz/amount.ts";
import { wire } from "../../src/ledger/wire.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import { runEveryStatement } from "./support/every-statement.ts";
import { HEAVY, rowsOfEverything } from "./support/full-ledger.ts";
import { db, delivery, env, newId } from "./support/ledger-worker.ts";
import { readThrough } from "./support/read-through.ts";
import { disagreements, type MeasuredStatement } from "./support/statement-table.ts";

interface Bindings {
  /** docs/design/ledger.md */
  readonly STATEMENTS_DOC: string;
  /** What src/ledger prepares. */
  readonly STATEMENTS: readonly string[];
}

const { STATEMENTS_DOC, STATEMENTS } = anyEnv as unknown as Bindings;

/** Of each kind. */
const ROWS_BEFORE = 5_000;
const ROWS_AFTER = 25_000;

const TRANSFER_READS_MAX = 65;

/**
 * What each statement of a ledger costs, by its name, with rows `from` to `to` beside those that
 * there are.
 */
async function measured(from: number, to: number): Promise<ReadonlyMap<string, MeasuredStatement>> {
  for (const statement of rowsOfEverything(from, to, Date.now())) await db.prepare(statement).run();
  const { metered, statements } = meteredD1(db);
  await runEveryStatement(wire({ ...env, LEDGER_DB: metered, DELIVERIES_PER_SECOND: "1000" }), from);
  const costs = new Map<string, MeasuredStatement>();
  for (const [query, { rowsReadMax, rowsWrittenMax, values }] of statements) {
    const name = /\/\* (.+) \*\/$/.exec(query)?.[1] ?? query;
    const { read = 0, written = 0 } = costs.get(name) ?? {};
    const through = await readThrough(db, query, values);
    costs.set(name, {
      read: Math.max(read, rowsReadMax),
      written: Math.max(written, rowsWrittenMax),
      through,
    });
  }
  return costs;
}

/**
 * What one transfer reads in both ledgers, from its debit to its end, of a user who has as much of
 * everything as there is: here one database is both.
 */
async function rowsOfTransfer(): Promise<number> {
  const { metered, rowsRead } = meteredD1(db);
  const { transfers, consume, settlement } = wire({ ...env, LEDGER_DB: metered });
  const { transferId } = await transfers.transfer(HEAVY, amountOf(1), newId());
  const body = { ...delivery(HEAVY, 1), keyDigest: newId() };
  await consume(
    createMessageBatch("playhead-wallet-deliveries", [
      { id: newId(), timestamp: new Date(), attempts: 1, body },
    ]),
  );
  await settlement.report({ transferId, result: "credited" });
  return rowsRead();
}

describe("what a ledger asks of its database", () => {
  it(
    "reads and writes no more rows than the design says of each statement, and no more where there is more",
    { timeout: 120_000 },
    async () => {
      const before = await measured(1, ROWS_BEFORE);
      const ofTransfer = await rowsOfTransfer();
      const after = await measured(ROWS_BEFORE, ROWS_AFTER);
      expect(disagreements(STATEMENTS_DOC, STATEMENTS, { rows: ROWS_BEFORE, before, after })).toEqual([]);
      expect(ofTransfer).toBeLessThanOrEqual(TRANSFER_READS_MAX);
      expect(await rowsOfTransfer()).toBe(ofTransfer);
    },
  );
});
