import { beforeEach, describe, expect, it } from "vitest";
import type { StatementItem } from "../../../src/contracts/ledger-statement.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { placeOf, statementPage } from "../../../src/ledger/biz/statement.ts";
import { d1Inbox } from "../../../src/ledger/data/d1-inbox.ts";
import { d1Outbox } from "../../../src/ledger/data/d1-outbox.ts";
import { d1Statement } from "../../../src/ledger/data/d1-statement.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { proxiedD1 } from "../../../testbed/databases/d1-proxy.ts";
import { UNLIMITED } from "../support/ledger-d1.ts";
import { migrationsOf, migrationsAfter } from "../../support/databases/migrations.ts";
import { sqliteD1, type SqliteD1 } from "../../support/databases/sqlite-d1.ts";

const USER = "ann";
let db: SqliteD1;
let atMs = 0;

/** An id whose order says when its transfer was made, not when its money came. */
const idOf = (number: number): string => `01920000-0000-7000-8000-${String(number).padStart(12, "0")}`;

beforeEach(() => {
  db = sqliteD1(migrationsOf("ledger"));
  atMs = 1_000;
});

async function deposit(number: number, amount: number): Promise<void> {
  atMs += 1;
  const common = {
    id: idOf(number),
    actor: "op",
    userId: USER,
    key: `d${number}`,
    payloadHash: "h",
    auditId: `a${number}`,
    nowMs: atMs,
    limits: UNLIMITED,
  };
  await d1Transfers(db, "wallet").deposit({ ...common, amount: amountOf(amount) });
}

async function send(number: number, amount: number): Promise<void> {
  atMs += 1;
  const common = {
    id: idOf(number),
    owner: USER,
    key: `t${number}`,
    payloadHash: "h",
    nowMs: atMs,
    nextAtMs: atMs,
  };
  await d1Transfers(db, "wallet").open({ ...common, amount: amountOf(amount) });
}

async function receive(number: number, amount: number): Promise<void> {
  atMs += 1;
  const message = {
    v: 1,
    transferId: idOf(number),
    from: "savings",
    userId: USER,
    amount: amountOf(amount),
    attempt: 1,
  } as const;
  await d1Inbox(db).credit(message, `token-${number}`, atMs);
}

/** As an older release books a movement, which knows nothing of a statement. */
function bookAsBefore(number: number, amount: number, contra = "equity"): void {
  atMs += 1;
  db.sqlite
    .prepare(
      "INSERT INTO account (id, user_id, kind, opened_at) VALUES ('user:ann', 'ann', 'user', 1) ON CONFLICT (id) DO NOTHING",
    )
    .run();
  db.sqlite.prepare("UPDATE account SET balance = balance + ? WHERE id = 'user:ann'").run(amount);
  db.sqlite.prepare("UPDATE account SET balance = balance - ? WHERE id = ?").run(amount, contra);
  const insert = db.sqlite.prepare(
    "INSERT INTO entry (account_id, transfer_id, amount, contra_id, at) VALUES (?, ?, ?, ?, ?)",
  );
  insert.run("user:ann", idOf(number), amount, contra, atMs);
  insert.run(contra, idOf(number), -amount, "user:ann", atMs);
}

async function page(limit: number, cursor?: string) {
  const place = cursor === undefined ? null : placeOf(cursor);
  return statementPage(await d1Statement(db).page(USER, limit + 1, place), limit);
}

/** All of it, so many at a time. Between two pages something more is booked. */
async function all(
  limit: number,
  between: (page: number) => Promise<void> = async () => undefined,
): Promise<readonly StatementItem[]> {
  const items: StatementItem[] = [];
  let cursor: string | undefined;
  for (let number = 0; ; number += 1) {
    const { items: more, nextCursor } = await page(limit, cursor);
    items.push(...more);
    if (nextCursor === undefined) return items;
    expect(more).toHaveLength(limit);
    cursor = nextCursor;
    await between(number);
  }
}

const figures = (items: readonly StatementItem[]) =>
  items.map(({ kind, amount, balance }) => [kind, amount, balance]);

describe("a statement", () => {
  it("shows every movement, newest first, with what there was after it", async () => {
    await deposit(10, 100);
    await send(20, 30);
    // It was made before all the others and arrives after them.
    await receive(5, 7);
    await send(40, 50);
    await d1Outbox(db).reverse(idOf(20), { id: idOf(50), nowMs: 2_000 });
    const items = await all(100);
    expect(items).toEqual([
      { at: 2_000, amount: 30, balance: 57, kind: "refund", transferId: idOf(20) },
      { at: 1_004, amount: -50, balance: 27, kind: "transfer", transferId: idOf(40) },
      { at: 1_003, amount: 7, balance: 77, kind: "transfer", transferId: idOf(5) },
      { at: 1_002, amount: -30, balance: 70, kind: "transfer", transferId: idOf(20) },
      { at: 1_001, amount: 100, balance: 100, kind: "deposit", depositId: idOf(10) },
    ]);
    expect(await all(1)).toEqual(items);
    expect(await d1Statement(db).page("nobody", 10, null)).toMatchObject({ chained: [], unchained: [] });
  });

  it("names the deposit that was taken back, not what took it back", async () => {
    await deposit(10, 100);
    await d1Transfers(db, "wallet").reverseDeposit(idOf(10), {
      id: idOf(11),
      actor: "op",
      auditId: "a11",
      nowMs: 2_000,
    });
    expect(await all(1)).toEqual([
      { at: 2_000, amount: -100, balance: 0, kind: "reversal", depositId: idOf(10) },
      { at: 1_001, amount: 100, balance: 100, kind: "deposit", depositId: idOf(10) },
    ]);
  });

  it("is the same, page by page, whatever is booked meanwhile, with ids before or after", async () => {
    await deposit(1, 1_000);
    for (let number = 100; number < 120; number += 1) await send(number, number % 7 === 0 ? 9 : 3);
    const before = await all(100);
    expect(before).toHaveLength(21);
    const during = await all(4, async (number) => {
      await send(200 + number, 1);
      await receive(50 + number, 2);
      await deposit(300 + number, 5);
    });
    expect(during).toEqual(before);
    expect(await all(4)).toHaveLength(21 + 15);
  });

  it("has what an older release has booked, before it and beside it", async () => {
    bookAsBefore(1, 100);
    bookAsBefore(2, -30, "clearing");
    await deposit(3, 5);
    bookAsBefore(4, 20);
    await send(6, 40);
    for (const limit of [1, 2, 100]) {
      expect(figures(await all(limit))).toEqual([
        ["transfer", -40, 55],
        ["deposit", 20, 95],
        ["deposit", 5, 75],
        ["transfer", -30, 70],
        ["deposit", 100, 100],
      ]);
    }
  });

  it("reads by keys only: neither the chain nor what is unchained needs a scan or a sort", () => {
    const plans: string[] = [];
    const spy = proxiedD1(db, (ask, { runs }) => {
      for (const { query } of runs) {
        const plan = db.sqlite.prepare(`EXPLAIN QUERY PLAN ${query}`).all();
        plans.push(...plan.map(({ detail }) => String(detail)));
      }
      return ask();
    });
    return d1Statement(spy)
      .page(USER, 10, { chained: idOf(1), unchainedBefore: { atMs: 5, id: "" }, balance: 0 })
      .then(() => d1Statement(spy).cut(USER, 50))
      .then(() => {
        expect(plans.filter((plan) => /^SCAN (?!m|chain|c\b|\(subquery)/.test(plan))).toEqual([]);
        expect(plans.some((plan) => plan.includes("entry_unchained"))).toBe(true);
      });
  });

  it("refuses cursors that are none of its own", () => {
    for (const cursor of ["x", "bm9uc2Vuc2U", btoa('["a",1,"b"]'), btoa("null")])
      expect(() => placeOf(cursor)).toThrow("cursor");
  });
});

describe("a cut", () => {
  it("tells what was paid in, what is under way, and how far back its movements reach", async () => {
    await deposit(10, 100);
    await send(20, 30);
    await receive(5, 7);
    await send(40, 50);
    await d1Outbox(db).settle(idOf(40), 3_000);
    const statement = d1Statement(db);
    expect(await statement.cut(USER, 50)).toEqual({
      balance: 27,
      inFlight: 30,
      paidIn: 100,
      since: "",
      movements: [
        { id: idOf(40), amount: -50, outcome: "settled" },
        { id: idOf(20), amount: -30, outcome: "pending" },
        { id: idOf(5), amount: 7, outcome: null },
      ],
    });
    expect(await statement.cut(USER, 3)).toMatchObject({
      since: idOf(10),
      movements: [{ id: idOf(40) }, { id: idOf(20) }],
    });
    await d1Outbox(db).reverse(idOf(20), { id: idOf(50), nowMs: 4_000 });
    // What a refund gives back has no debit over there.
    expect((await statement.cut(USER, 50)).movements.map(({ id, outcome }) => [id, outcome])).toEqual([
      [idOf(40), "settled"],
      [idOf(20), "refunded"],
      [idOf(5), null],
    ]);
    expect(await statement.cut("nobody", 50)).toEqual({
      balance: 0,
      inFlight: 0,
      paidIn: 0,
      movements: [],
      since: "",
    });
  });

  it("knows what was paid in before there was a column for it, and by an older release beside it", () => {
    const old = sqliteD1(migrationsOf("ledger", "0001"));
    db = old;
    bookAsBefore(1, 60);
    bookAsBefore(2, 5, "clearing");
    old.sqlite.exec(migrationsAfter("ledger", "0001"));
    bookAsBefore(3, 4);
    return expect(d1Statement(old).cut(USER, 50)).resolves.toMatchObject({ balance: 69, paidIn: 64 });
  });
});
