import { describe, expect, it } from "vitest";
import { amountOf } from "../../src/ledger/biz/amount.ts";
import { d1Changes } from "../../src/ledger/data/d1-changes.ts";
import { d1Inbox } from "../../src/ledger/data/d1-inbox.ts";
import { d1Outbox } from "../../src/ledger/data/d1-outbox.ts";
import { INBOX_RETENTION_MS, d1Retention } from "../../src/ledger/data/d1-retention.ts";
import { d1Transfers } from "../../src/ledger/data/d1-transfers.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import { db, newId } from "./support/ledger-worker.ts";

/**
 * Rows of one transfer in both ledgers, from its debit to the day when all that can be pruned is:
 * here one database is both.
 */
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
    amount: amountOf(100),
    auditId: newId(),
    nowMs,
    limits: { depositMax: 1_000, depositsPerDayMax: Number.MAX_SAFE_INTEGER },
  });
  // The newest row is kept for its number's sake; another one takes that part.
  const { metered: own, rows } = meteredD1(db);
  const id = newId();
  await d1Transfers(own, "wallet").open({
    id,
    owner: userId,
    key: "k",
    payloadHash: "h",
    amount: amountOf(10),
    nowMs,
    nextAtMs: nowMs + 2_000,
  });
  const arrived = newId();
  await d1Inbox(own).credit(
    { v: 1, transferId: arrived, from: "savings", userId, amount: amountOf(10), attempt: 1, keyDigest: "d" },
    "token",
    nowMs,
  );
  await d1Outbox(own).settle(id, nowMs);
  if (changeStream) await d1Changes(own, "wallet").published(1_000_000);
  const before = rows();
  await d1Retention(own).prune(nowMs + INBOX_RETENTION_MS + 10_000);
  const pruned = rows() - before;
  expect(pruned).toBeGreaterThanOrEqual(1);
  return rows();
}

describe("a transfer writes, in both ledgers together and with pruning", () => {
  it("at most 18 rows of D1 without the change stream, the key's digest at the destination included", async () => {
    const rows = await rowsOfTransfer(false);
    expect(rows).toBeGreaterThanOrEqual(15);
    expect(rows).toBeLessThanOrEqual(18);
  });

  it("none of the stream's while that is off: its two changes, their end, and how far they were published", async () => {
    expect((await rowsOfTransfer(true)) - (await rowsOfTransfer(false))).toBe(5);
    expect(
      (await db.prepare("SELECT count(*) AS rows FROM change_log").first<{ rows: number }>())?.rows,
    ).toBe(1);
  });

  it("at most 25 with it", async () => {
    const rows = await rowsOfTransfer(true);
    expect(rows).toBeGreaterThanOrEqual(19);
    expect(rows).toBeLessThanOrEqual(25);
  });
});
