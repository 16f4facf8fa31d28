import { describe, expect, it } from "vitest";
import { d1Operators } from "../../../src/ledger/data/d1-operators.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import type { SqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { ledgerD1 } from "../support/ledger-d1.ts";

/** More than two slices. */
const BETWEEN = 2_500;
const MORE_THAN_COUNTED = 10_001;

const numbers = (count: number): string =>
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;

/** So many messages, whose ids are `<prefix>00001` and so on, the first of them due last. */
function messages(db: SqliteD1, prefix: string, state: string, count: number, createdAt: number): void {
  db.sqlite.exec(`INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, created_at, driven_at)
    ${numbers(count)} SELECT printf('${prefix}%05d', i), 'ann', 1, '${state}', 1, 1000000 - i, ${createdAt} + i, 0 FROM n`);
}

function transfers(db: SqliteD1, prefix: string, operation: string, outcome: string, count: number): void {
  db.sqlite
    .exec(`INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at)
    ${numbers(count)} SELECT 'ann', printf('${prefix}%05d', i), '${operation}', '${prefix}' || i, 'h', 1, '${outcome}', i FROM n`);
}

describe("a list of transfers", () => {
  it("goes on past any number of refunds, deposits and refused ones, in order, and leaves nothing out", async () => {
    const db = ledgerD1();
    transfers(db, "a", "transfer", "settled", 30);
    transfers(db, "b", "deposit", "settled", BETWEEN);
    transfers(db, "c", "refund", "settled", BETWEEN);
    transfers(db, "d", "transfer", "pending", 3);
    transfers(db, "e", "transfer", "failed", BETWEEN);
    const store = d1Transfers(db, "wallet");
    const first = (await store.list("ann", 20, null)).map(({ transferId }) => transferId);
    expect(first).toEqual([
      "d00003",
      "d00002",
      "d00001",
      ...Array.from({ length: 17 }, (_, index) => `a000${30 - index}`),
    ]);
    const second = (await store.list("ann", 20, first.at(-1) ?? null)).map(({ transferId }) => transferId);
    expect([...first, ...second]).toHaveLength(33);
    expect(await store.list("ann", 20, "a00001")).toEqual([]);
    expect(await store.read("ann", "c00001")).toBeNull();
    expect(await store.read("ann", "e00001")).toBeNull();
  });
});

describe("the outbox", () => {
  it("shows what is pending behind any number of parked messages, and the other way round", async () => {
    const db = ledgerD1();
    messages(db, "a", "parked", BETWEEN, 0);
    messages(db, "b", "pending", BETWEEN, 0);
    messages(db, "c", "parked", 2, 0);
    messages(db, "d", "pending", 2, 0);
    const store = d1Operators(db);
    const idsOf = async (...page: Parameters<typeof store.outbox>) =>
      (await store.outbox(...page)).map(({ transferId }) => transferId);
    expect(await idsOf("pending", 2, null)).toEqual(["b00001", "b00002"]);
    expect(await idsOf("pending", 3, "b02499")).toEqual(["b02500", "d00001", "d00002"]);
    expect(await idsOf("parked", 3, "a02499")).toEqual(["a02500", "c00001", "c00002"]);
    expect(await idsOf("parked", 3, "c00002")).toEqual([]);
    expect(await idsOf(null, 2, "a02499")).toEqual(["a02500", "b00001"]);
  });
});

describe("the overview", () => {
  it("counts what there is, and knows the oldest pending message", async () => {
    const db = ledgerD1();
    messages(db, "a", "parked", 3, 0);
    messages(db, "b", "pending", 2, 100);
    db.sqlite.exec(
      "INSERT INTO account (id, user_id, kind, opened_at) VALUES ('user:ann', 'ann', 'user', 1)",
    );
    expect(await d1Operators(db).overview(500)).toEqual({
      accounts: 1,
      pending: 2,
      parked: 3,
      oldestPendingMs: 399,
      deadLetters: 0,
      changes: { newestSeq: 0, publishedSeq: 0 },
    });
  });

  it("counts up to 10,000, and beyond that the oldest pending message is found by its id", async () => {
    const db = ledgerD1();
    messages(db, "a", "parked", 3, 0);
    messages(db, "b", "pending", MORE_THAN_COUNTED, 100);
    expect(await d1Operators(db).overview(50_000)).toMatchObject({
      pending: 10_000,
      parked: 3,
      oldestPendingMs: 49_899,
    });
  });
});
