import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { reconcile, type Reconciliation } from "../../../src/bff/ops/reconcile.ts";
import { LEDGERS, type LedgerName } from "../../../src/contracts/ledger.ts";
import { TwoLedgers, type Sent } from "../../support/databases/two-ledgers.ts";

const HOUR_MS = 3_600_000;

let world: TwoLedgers;
let slept: number[] = [];

beforeEach(async () => {
  world = new TwoLedgers();
  await world.deposit("ann", 1_000);
  await world.deposit("bob", 1_000);
});

function look(of = world, before?: () => Promise<void>): Promise<Reconciliation> {
  slept = [];
  return reconcile({
    ledgers: { wallet: of.reconcilable("wallet", before), savings: of.reconcilable("savings", before) },
    now: () => of.nowMs,
    sleep: async (ms) => {
      of.nowMs += ms;
      slept.push(ms);
    },
  });
}

const longest = (): number => Math.max(...slept);
const arrived = async (userId: string, amount: number, from: LedgerName = "wallet"): Promise<Sent> => {
  const sent = await world.debit(from, userId, amount);
  await world.arrive(sent);
  return sent;
};
const CREDIT = "account_id <> 'clearing' AND transfer_id = ?";
const CLEARED = "account_id = 'clearing' AND transfer_id = ?";

/**
 * The credit of a transfer as another: in entries and balances alike, so that its ledger is at
 * peace with itself.
 */
function creditAs(sent: Sent, userId: string, amount: number): void {
  world.tamper(
    "savings",
    "UPDATE account SET balance = balance - ? WHERE user_id = ?",
    sent.amount,
    sent.userId,
  );
  world.db.savings.sqlite
    .prepare(
      "INSERT INTO account (id, user_id, kind, opened_at) VALUES (?, ?, 'user', 1) ON CONFLICT (id) DO NOTHING",
    )
    .run(`user:${userId}`, userId);
  world.tamper("savings", "UPDATE account SET balance = balance + ? WHERE user_id = ?", amount, userId);
  world.tamper(
    "savings",
    "UPDATE account SET balance = balance + ? WHERE id = 'clearing'",
    sent.amount - amount,
  );
  world.tamper(
    "savings",
    `UPDATE entry SET account_id = ?, amount = ? WHERE ${CREDIT}`,
    `user:${userId}`,
    amount,
    sent.id,
  );
  world.tamper(
    "savings",
    `UPDATE entry SET contra_id = ?, amount = ? WHERE ${CLEARED}`,
    `user:${userId}`,
    -amount,
    sent.id,
  );
}

const kinds = ({ mismatches }: Reconciliation) =>
  mismatches.map(({ kind, ledger, id }) => [kind, ledger, id]);

describe("reconciliation is content", () => {
  it("with transfers that have arrived, are under way, parked or refunded, at the first look", async () => {
    await arrived("ann", 100);
    await arrived("ann", 40, "savings");
    const under = await world.debit("wallet", "bob", 20);
    await world.refund(await world.debit("wallet", "bob", 30));
    world.tamper("wallet", "UPDATE outbox SET state = 'parked' WHERE id = ?", under.id);
    expect(await look()).toMatchObject({
      ok: true,
      ledgers: { wallet: { sumOfEntries: 0, clearing: 80 }, savings: { sumOfEntries: 0, clearing: -60 } },
      inFlight: 20,
      mismatches: [],
      behind: 0,
      accounts: { checked: 3, all: true, unchecked: 0 },
    });
    expect(longest()).toBeLessThan(1_000);
  });

  it("with deposits that were taken back, before it came by and after", async () => {
    const [before, after] = [await world.deposit("ann", 7), await world.deposit("bob", 9)];
    await world.reverseDeposit(before);
    world.nowMs += HOUR_MS;
    expect(await look()).toMatchObject({ ok: true, mismatches: [] });
    await world.reverseDeposit(after);
    world.nowMs += HOUR_MS;
    expect(await look()).toMatchObject({
      ok: true,
      mismatches: [],
      ledgers: { wallet: { sumOfEntries: 0 } },
    });
  });

  it("with confirmations that are late, by seconds or by days: they are named after ten minutes, and no loss is told", async () => {
    const [one, other] = [await world.debit("wallet", "ann", 100), await world.debit("wallet", "bob", 50)];
    await world.credit(one);
    world.nowMs += 30_000;
    expect(await look()).toMatchObject({ ok: true, inFlight: 150, mismatches: [] });
    for (let day = 0; day < 3; day += 1) {
      world.nowMs += 24 * HOUR_MS;
      expect(kinds(await look())).toEqual([one, other].map(({ id }) => ["late_message", "wallet", id]));
    }
    await world.credit(other);
    await world.settle(one);
    await world.settle(other);
    expect(await look()).toMatchObject({ ok: true, inFlight: 0, behind: 0 });
  });

  it("whatever happens between two of its reads, and however often it is asked", async () => {
    const act = fc.record({
      kind: fc.constantFrom(
        "debit",
        "debit",
        "credit",
        "settle",
        "credit",
        "settle",
        "refund",
        "deposit",
        "wait",
        "days",
      ),
      from: fc.constantFrom(...LEDGERS),
      userId: fc.constantFrom("ann", "bob"),
      amount: fc.integer({ min: 1, max: 90 }),
      index: fc.nat(9),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 60 }), async (acts) => {
        const own = new TwoLedgers();
        for (const userId of ["ann", "bob"]) await own.deposit(userId, 100);
        const [debited, credited]: [Sent[], Sent[]] = [[], []];
        const left = [...acts];
        const next = async (): Promise<void> => {
          const { kind, from, userId, amount, index } = left.shift() ?? {
            kind: "",
            from: "wallet",
            userId: "ann",
            amount: 1,
            index: 0,
          };
          const take = (list: Sent[]): Sent | undefined =>
            list.splice(index % Math.max(1, list.length), 1)[0];
          if (kind === "wait") own.nowMs += 400_000;
          if (kind === "days") own.nowMs += 24 * HOUR_MS;
          if (kind === "deposit") await own.deposit(userId, amount);
          if (kind === "debit") {
            const sent = await own.debit(from, userId, amount);
            const row = own.db[from].sqlite.prepare("SELECT 1 FROM outbox WHERE id = ?").get(sent.id);
            if (row !== undefined) debited.push(sent);
          }
          const sent =
            kind === "credit" || kind === "refund"
              ? take(debited)
              : kind === "settle"
                ? take(credited)
                : undefined;
          if (sent === undefined) return;
          if (kind === "refund") return own.refund(sent);
          if (kind === "settle") return own.settle(sent);
          await own.credit(sent);
          credited.push(sent);
        };
        for (let times = 0; times < 4 || left.length > 0; times += 1) {
          const { mismatches, ledgers } = await look(own, next);
          expect(mismatches.filter(({ kind }) => kind !== "late_message")).toEqual([]);
          expect([ledgers.wallet.sumOfEntries, ledgers.savings.sumOfEntries]).toEqual([0, 0]);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("reconciliation tells nothing", () => {
  it("that is there once only: between the databases it looks again ten seconds later", async () => {
    const sent = await world.debit("wallet", "ann", 100);
    await world.settle(sent);
    const input = (heals: boolean) => ({
      ledgers: { wallet: world.reconcilable("wallet"), savings: world.reconcilable("savings") },
      now: () => world.nowMs,
      sleep: async (ms: number) => {
        world.nowMs += ms;
        if (heals && ms > 9_000) await world.credit(sent);
      },
    });
    expect(kinds(await reconcile(input(false)))).toEqual([["transfer_without_credit", "wallet", sent.id]]);
    expect(await reconcile(input(true))).toMatchObject({ ok: true });
  });

  it("that is another thing the second time: that one is told when it has been there twice", async () => {
    const sent = await world.debit("wallet", "ann", 100);
    await world.settle(sent);
    const answer = await reconcile({
      ledgers: { wallet: world.reconcilable("wallet"), savings: world.reconcilable("savings") },
      now: () => world.nowMs,
      sleep: async (ms: number) => {
        world.nowMs += ms;
        if (ms > 9_000) await world.credit({ ...sent, amount: 90 });
      },
    });
    expect(kinds(answer)).toEqual([]);
    expect(kinds(await look())).toEqual([["wrong_amount", "wallet", sent.id]]);
  });

  it("after one reading of its clock that was a month ahead, whatever was booked since", async () => {
    world.nowMs += 24 * HOUR_MS;
    await world.debit("wallet", "ann", 60);
    world.nowMs -= 24 * HOUR_MS;
    const ahead = {
      ledgers: { wallet: world.reconcilable("wallet"), savings: world.reconcilable("savings") },
      sleep: async () => undefined,
    };
    expect(await reconcile({ ...ahead, now: () => world.nowMs + 720 * HOUR_MS })).toMatchObject({ ok: true });
    await arrived("bob", 7);
    await world.deposit("bob", 8);
    expect(await look()).toMatchObject({ ok: true, mismatches: [] });
  });

  it("but the truth to two operators who ask at once", async () => {
    for (let number = 0; number < 300; number += 1) await arrived("ann", 1);
    world.nowMs += HOUR_MS;
    const both = await Promise.all([look(), look()]);
    for (const told of [...both, await look()]) expect(told).toMatchObject({ ok: true, behind: 0 });
  });
});

describe("reconciliation tells", () => {
  /**
   * Each of them while an honest transfer is under way and while another's confirmation is lost.
   */
  beforeEach(async () => {
    await world.debit("wallet", "ann", 60);
    await world.credit(await world.debit("wallet", "bob", 70));
  });

  it("five cents that are lost between the ledgers", async () => {
    const sent = await arrived("ann", 100);
    creditAs(sent, "ann", 95);
    expect(kinds(await look())).toEqual([["wrong_amount", "wallet", sent.id]]);
    expect(longest()).toBeGreaterThan(9_000);
  });

  it("five cents that are lost within one: of a user, of clearing, of equity", async () => {
    await arrived("ann", 100);
    world.tamper("savings", "UPDATE account SET balance = balance - 5 WHERE id = 'user:ann'");
    world.tamper("wallet", "UPDATE account SET balance = balance - 5 WHERE id = 'clearing'");
    world.tamper("wallet", "UPDATE account SET balance = balance + 5 WHERE id = 'equity'");
    expect((await look()).mismatches).toEqual([
      { kind: "clearing", ledger: "wallet", difference: -5 },
      { kind: "wrong_balance", ledger: "wallet", id: "equity", difference: 5 },
      { kind: "wrong_balance", ledger: "savings", id: "user:ann", difference: -5 },
    ]);
  });

  it("a credit that went to somebody else", async () => {
    const sent = await arrived("ann", 100);
    creditAs(sent, "bob", 100);
    expect(kinds(await look())).toEqual([["wrong_user", "wallet", sent.id]]);
  });

  it("two amounts that were swapped", async () => {
    const [one, other] = [await arrived("ann", 30), await arrived("ann", 20)];
    creditAs(one, "ann", 20);
    creditAs(other, "ann", 30);
    expect(kinds(await look())).toEqual([
      ["wrong_amount", "wallet", one.id],
      ["wrong_amount", "wallet", other.id],
    ]);
  });

  it("money in flight that is not, and a message that is not what was asked for", async () => {
    const sent = await world.debit("wallet", "ann", 9);
    world.tamper("wallet", "UPDATE account SET in_flight = in_flight + 7 WHERE id = 'user:bob'");
    world.tamper("wallet", "UPDATE outbox SET user_id = 'bob' WHERE id = ?", sent.id);
    expect((await look()).mismatches).toEqual([
      { kind: "in_flight", ledger: "wallet", id: "user:bob", difference: 7 },
      { kind: "wrong_user", ledger: "wallet", id: sent.id },
    ]);
  });

  it("a transfer that has ended without its credit, and a credit without its transfer", async () => {
    const lost = await world.debit("wallet", "ann", 10);
    await world.settle(lost);
    const made: Sent = { id: world.newId(), from: "wallet", userId: "ann", amount: 11 };
    await world.credit(made);
    expect(kinds(await look())).toEqual([
      ["transfer_without_credit", "wallet", lost.id],
      ["credit_without_transfer", "savings", made.id],
    ]);
  });

  it("one that was refunded and credited, one that is stuck without a message, one that was never booked", async () => {
    const both = await world.debit("wallet", "ann", 10);
    await world.refund(both);
    await world.credit(both);
    const stuck = await world.debit("wallet", "ann", 11);
    world.tamper("wallet", "DELETE FROM outbox WHERE id = ?", stuck.id);
    const unbooked = world.newId();
    world.tamper(
      "wallet",
      "INSERT INTO transfer (owner, id, operation, idempotency_key, payload_hash, amount, outcome, created_at) VALUES ('bob', ?, 'transfer', 'x', 'h', 5, 'settled', 1)",
      unbooked,
    );
    expect(kinds(await look())).toEqual([
      ["unbalanced_transfer", "wallet", unbooked],
      ["wrong_outcome", "wallet", both.id],
      ["wrong_outcome", "wallet", stuck.id],
    ]);
  });

  it("one that was settled and passed long before it is refunded, each time", async () => {
    const both = await arrived("ann", 50);
    world.nowMs += HOUR_MS;
    await look();
    world.tamper("wallet", "UPDATE transfer SET outcome = 'pending' WHERE id = ?", both.id);
    world.tamper("wallet", "UPDATE account SET in_flight = in_flight + 50 WHERE id = 'user:ann'");
    await world.refund(both);
    for (let times = 0; times < 3; times += 1) {
      expect(kinds(await look()).filter(([kind]) => kind !== "late_message")).toEqual([
        ["wrong_outcome", "wallet", both.id],
      ]);
      world.nowMs += HOUR_MS;
    }
  });

  it("an entry without its other side, wherever it is", async () => {
    const sent = await arrived("ann", 100);
    world.tamper("savings", `DELETE FROM entry WHERE ${CREDIT}`, sent.id);
    const found = await look();
    expect(kinds(found)).toEqual([
      ["sum_of_entries", "savings", undefined],
      ["wrong_balance", "savings", "user:ann"],
      ["unbalanced_transfer", "savings", sent.id],
    ]);
    const deposit = await world.deposit("bob", 8);
    world.tamper("wallet", "DELETE FROM entry WHERE account_id = 'equity' AND transfer_id = ?", deposit);
    expect(kinds(await look())).toEqual(
      expect.arrayContaining([
        ["unbalanced_transfer", "wallet", deposit],
        ["wrong_balance", "wallet", "equity"],
      ]),
    );
  });

  it("what is wrong each time it is asked, also long after the transfer was passed", async () => {
    const sent = await arrived("ann", 100);
    creditAs(sent, "bob", 95);
    for (let times = 0; times < 3; times += 1) {
      expect(kinds(await look()).filter(([kind]) => kind !== "late_message")).toEqual([
        ["wrong_user", "wallet", sent.id],
        ["wrong_amount", "wallet", sent.id],
      ]);
      world.nowMs += HOUR_MS;
    }
  });
});

describe("reconciliation goes on from where it was", () => {
  const compares = { calls: 0 };
  const counted = (of: TwoLedgers) => ({
    ledgers: Object.fromEntries(
      LEDGERS.map((name) => {
        const ledger = of.reconcilable(name);
        const compared: typeof ledger.compared = async (range) => {
          compares.calls += 1;
          const rows = await ledger.compared(range);
          expect(rows.length).toBeLessThanOrEqual(200);
          return rows;
        };
        return [name, { ...ledger, compared }];
      }),
    ) as Record<LedgerName, ReturnType<TwoLedgers["reconcilable"]>>,
    now: () => of.nowMs,
    sleep: async (ms: number) => void (of.nowMs += ms),
  });

  it("and reads what is old once: the second time only what is new", async () => {
    for (let number = 0; number < 700; number += 1) await arrived(number % 2 === 0 ? "ann" : "bob", 1);
    world.nowMs += HOUR_MS;
    compares.calls = 0;
    expect(await reconcile(counted(world))).toMatchObject({
      ok: true,
      behind: 0,
      ledgers: { wallet: { clearing: 700 } },
    });
    expect(compares.calls).toBeGreaterThanOrEqual(8);
    compares.calls = 0;
    expect(await reconcile(counted(world))).toMatchObject({
      ok: true,
      behind: 0,
      through: expect.any(Number),
    });
    expect(compares.calls).toBe(4);
  });

  it("and says how far behind it is where its time is too short", async () => {
    for (let number = 0; number < 700; number += 1) await arrived("ann", 1);
    world.nowMs += HOUR_MS;
    const slow = {
      ...counted(world),
      sleep: async (ms: number) => void (world.nowMs += Math.max(ms, 2_500)),
    };
    const first = await reconcile(slow);
    expect(first).toMatchObject({ ok: true, accounts: { all: false } });
    expect(first.behind).toBeGreaterThan(0);
    expect(first.through).not.toBeNull();
    let last = first;
    for (let times = 0; times < 20 && (last.behind > 0 || !last.accounts.all); times += 1) {
      last = await reconcile(times < 4 ? slow : counted(world));
      expect(last.through).toBeGreaterThanOrEqual(first.through ?? 0);
    }
    expect(last).toMatchObject({ ok: true, behind: 0, accounts: { all: true } });
  });

  it("and comes back for what has appeared behind it: money that was made with an old id is found", async () => {
    await arrived("ann", 10);
    world.nowMs += HOUR_MS;
    await look();
    const made: Sent = { id: world.newId(2 * HOUR_MS), from: "wallet", userId: "ann", amount: 11 };
    await world.credit(made);
    expect(kinds(await look())).toEqual([["clearing", "savings", undefined]]);
    expect(kinds(await look())).toEqual([["credit_without_transfer", "savings", made.id]]);
  });

  it("and comes back for a deposit that a slow clock has made behind it, also where the walk takes its time", async () => {
    for (let number = 0; number < 120; number += 1) await arrived("ann", 1);
    world.nowMs += 3 * HOUR_MS;
    await world.deposit("bob", 1);
    world.nowMs += HOUR_MS;
    await look();
    world.nowMs -= 2 * HOUR_MS;
    await world.deposit("ann", 7);
    world.nowMs += 3 * HOUR_MS;
    const behind = [{ kind: "wrong_balance", ledger: "wallet", id: "equity", difference: -7 }];
    expect((await look()).mismatches).toEqual(behind);
    const slow = {
      ...counted(world),
      sleep: async (ms: number) => void (world.nowMs += Math.max(ms, 8_000)),
    };
    expect((await reconcile(slow)).mismatches).toEqual(behind);
    for (let times = 0; times < 2; times += 1)
      expect(await look()).toMatchObject({ ok: true, mismatches: [], behind: 0 });
  });

  it("once for money that equity has lost, which is told each time until it is back", async () => {
    await arrived("ann", 1);
    world.nowMs += HOUR_MS;
    await look();
    world.tamper("wallet", "UPDATE account SET balance = balance - 5 WHERE id = 'equity'");
    const lost = [{ kind: "wrong_balance", ledger: "wallet", id: "equity", difference: -5 }];
    for (let times = 0; times < 2; times += 1) expect((await look()).mismatches).toEqual(lost);
    compares.calls = 0;
    expect((await reconcile(counted(world))).mismatches).toEqual(lost);
    expect(compares.calls).toBe(4);
    world.tamper("wallet", "UPDATE account SET balance = balance + 5 WHERE id = 'equity'");
    expect((await look()).mismatches).toEqual([]);
    expect(await world.reconcilable("wallet").books({ withSums: false })).toMatchObject({
      unexplained: null,
      unexplainedEquity: null,
    });
  });

  it("once for a difference, which is told all the while, and until it is no more", async () => {
    for (let number = 0; number < 120; number += 1) await arrived("ann", 1);
    world.nowMs += HOUR_MS;
    await look();
    world.tamper("wallet", "UPDATE account SET balance = balance - 5 WHERE id = 'clearing'");
    const lost = [{ kind: "clearing", ledger: "wallet", difference: -5 }];
    expect((await look()).mismatches).toEqual(lost);
    // The walk has begun anew, and doesn't come to its end this time: each step takes too long.
    const slow = {
      ...counted(world),
      sleep: async (ms: number) => void (world.nowMs += Math.max(ms, 8_000)),
    };
    const anew = await reconcile(slow);
    expect(anew).toMatchObject({ ok: false, mismatches: lost });
    expect(anew.behind).toBeGreaterThan(0);
    expect((await look()).mismatches).toEqual(lost);
    compares.calls = 0;
    expect((await reconcile(counted(world))).mismatches).toEqual(lost);
    expect(compares.calls).toBeLessThanOrEqual(4);
    world.tamper("wallet", "UPDATE account SET balance = balance + 5 WHERE id = 'clearing'");
    expect((await look()).mismatches).toEqual([]);
    // The same again is another difference.
    world.tamper("wallet", "UPDATE account SET balance = balance - 5 WHERE id = 'clearing'");
    expect((await look()).mismatches).toEqual(lost);
    expect((await world.reconcilable("wallet").progress()).through).toBe("");
  });

  it("also in one ledger only, however many transfers the other one has open", async () => {
    for (let number = 0; number < 960; number += 1) await world.settle(await world.debit("wallet", "ann", 1));
    world.nowMs += HOUR_MS;
    await look();
    world.tamper("wallet", "UPDATE account SET balance = balance - 5 WHERE id = 'clearing'");
    await look();
    world.tamper("wallet", "UPDATE account SET balance = balance + 5 WHERE id = 'clearing'");
    world.nowMs += HOUR_MS;
    const anew = await look();
    expect(anew.behind).toBe(0);
    expect(anew.mismatches.filter(({ kind }) => kind === "clearing")).toEqual([]);
  });

  it("once an entry that had been lost from what was passed is back: its sum is told no more", async () => {
    const sent = await arrived("ann", 5);
    world.nowMs += HOUR_MS;
    world.tamper("savings", `DELETE FROM entry WHERE ${CREDIT}`, sent.id);
    await look();
    expect(kinds(await look())).toContainEqual(["sum_of_entries", "savings", undefined]);
    const entry =
      "INSERT INTO entry (account_id, transfer_id, contra_id, amount, at) VALUES ('user:ann', ?, 'clearing', 5, 1)";
    world.tamper("savings", entry, sent.id);
    await look();
    expect((await look()).mismatches).toEqual([]);
  });
});
