import { describe, expect, it } from "vitest";
import { AMOUNT_MAX } from "../../../src/contracts/ledger.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { Deposits } from "../../../src/ledger/biz/deposits.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { payloadHash as hashPayload } from "../../../src/ledger/data/payload-hash.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { ledgerD1, UNLIMITED } from "../support/ledger-d1.ts";

const DAY_MS = 86_400_000;

function setUp(limits = { depositMax: 1_000, depositsPerDayMax: 2_500 }) {
  const db = ledgerD1();
  const clock = new VirtualTime();
  const woken: number[] = [];
  const store = d1Transfers(db, "wallet");
  const deposits = new Deposits({
    store,
    limits,
    wakePublisher: (atMs) => void woken.push(atMs),
    hashPayload,
    ids,
    now: clock.now,
  });
  const deposit = (amount: number, key: string, userId = "ann") =>
    deposits.deposit("op", userId, amountOf(amount), key);
  const spend = (amount: number) =>
    store.open({
      id: ids.id(),
      owner: "ann",
      key: ids.token(),
      payloadHash: "h",
      amount: amountOf(amount),
      nowMs: 1,
      nextAtMs: 1,
    });
  const sums = () => db.sqlite.prepare("SELECT sum(amount) AS sum FROM entry").get();
  const balance = (id: string) =>
    db.sqlite.prepare("SELECT balance FROM account WHERE id = ?").get(id)?.["balance"];
  const audit = () => db.sqlite.prepare("SELECT actor, action, target, detail FROM audit ORDER BY id").all();
  return { db, clock, deposits, deposit, spend, sums, balance, audit, woken };
}

const ruled = (message: RegExp) => ({
  code: "INVALID",
  errors: [{ path: "amount", message: expect.stringMatching(message) }],
});

describe("deposits", () => {
  it("of more than the most are refused by that rule, and so is their key for good", async () => {
    const { deposit, balance } = setUp();
    await expect(deposit(1_001, "k")).rejects.toMatchObject(ruled(/at most 1000/));
    await expect(deposit(1_001, "k")).rejects.toMatchObject(ruled(/at most 1000/));
    expect((await deposit(1_000, "k2")).balance).toBe(1_000);
    expect(balance("equity")).toBe(-1_000);
  });

  it("of one day sum to no more than a day's most, to the cent, also at once; the next day takes more", async () => {
    const { deposit, clock, balance } = setUp();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => deposit(500, `k${index}`, `user-${index}`)),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
    await expect(deposit(1, "cent")).rejects.toMatchObject(ruled(/2500 of deposits in one day/));
    clock.turn(DAY_MS);
    await deposit(1, "tomorrow");
    expect(balance("equity")).toBe(-2_501);
  });

  it("beyond what the ledger can ever take are LEDGER_FULL, and a mistyped one doesn't get that far", async () => {
    const { deposit, deposits, clock } = setUp(UNLIMITED);
    await deposit(AMOUNT_MAX - 5, "nearly all");
    await expect(deposit(6, "k", "bob")).rejects.toMatchObject({ code: "LEDGER_FULL" });
    await expect(deposit(6, "k", "bob")).rejects.toMatchObject({ code: "LEDGER_FULL" });
    expect((await deposit(5, "rest", "bob")).balance).toBe(5);
    const { depositId } = await deposits.deposit("op", "ann", amountOf(AMOUNT_MAX - 5), "nearly all");
    await deposits.reverse("op", depositId);
    clock.turn(DAY_MS);
    expect((await deposit(6, "again", "bob")).balance).toBe(11);
  });

  it("are found again by their key, without writing, with what was told", async () => {
    const { deposit, deposits, db } = setUp();
    const receipt = await deposit(10, "k");
    await deposit(5_000, "much").catch(() => undefined);
    const before = db.sqlite.prepare("SELECT total_changes() AS n").get();
    expect(await deposits.find("op", "ann", amountOf(10), "k")).toEqual(receipt);
    expect(await deposits.find("op", "ann", amountOf(10), "never asked")).toBeNull();
    await expect(deposits.find("op", "ann", amountOf(5_000), "much")).rejects.toMatchObject({
      code: "INVALID",
    });
    await expect(deposits.find("op", "bob", amountOf(10), "k")).rejects.toMatchObject({ code: "INVALID" });
    expect(db.sqlite.prepare("SELECT total_changes() AS n").get()).toEqual(before);
  });

  it("wake the publisher before they are booked, so that none waits for a cron", async () => {
    const { deposit, woken, clock, db } = setUp();
    db.batch = async () => Promise.reject(new Error("lost"));
    await expect(deposit(10, "k")).rejects.toThrow("deposit");
    expect(woken).toEqual([clock.now() + 1_000]);
  });
});

describe("a deposit's reversal", () => {
  it("takes it back whole and once, however often and however many at once it is asked for, and is written down", async () => {
    const { deposit, deposits, balance, sums, audit } = setUp();
    const { depositId } = await deposit(700, "k");
    await deposit(50, "k2");
    const told = await Promise.all(Array.from({ length: 8 }, () => deposits.reverse("op", depositId)));
    expect(new Set(told.map((receipt) => JSON.stringify(receipt)))).toEqual(
      new Set([JSON.stringify({ depositId, balance: 50 })]),
    );
    expect([balance("user:ann"), balance("equity"), sums()]).toEqual([50, -50, { sum: 0 }]);
    expect(audit().filter(({ action }) => action === "reverse-deposit")).toEqual([
      {
        actor: "op",
        action: "reverse-deposit",
        target: "ann",
        detail: expect.stringMatching(`^{"amount":700,"depositId":"${depositId}"`),
      },
    ]);
    expect(await deposit(700, "k")).toEqual({ depositId, balance: 50 });
  });

  it("is refused where a cent of it has gone on, changes nothing, and is made once the cent is back", async () => {
    const { deposit, deposits, spend, balance, audit } = setUp();
    const { depositId } = await deposit(100, "k");
    await spend(1);
    await expect(deposits.reverse("op", depositId)).rejects.toMatchObject({ code: "INSUFFICIENT_FUNDS" });
    expect([balance("user:ann"), balance("equity"), audit().length]).toEqual([99, -100, 1]);
    await deposit(1, "k2");
    expect(await deposits.reverse("op", depositId)).toEqual({ depositId, balance: 0 });
  });

  it("is made on closed accounts too, gives nothing back of the day's most, and knows deposits only", async () => {
    const { deposit, deposits, db } = setUp({ depositMax: 1_000, depositsPerDayMax: 1_000 });
    const { depositId } = await deposit(1_000, "k");
    db.sqlite.exec("UPDATE account SET closed_at = 1 WHERE id = 'user:ann'");
    expect((await deposits.reverse("op", depositId)).balance).toBe(0);
    await expect(deposit(1, "k2", "bob")).rejects.toMatchObject(ruled(/one day/));
    const [reversal] = db.sqlite.prepare("SELECT id FROM transfer WHERE operation = 'refund'").all();
    for (const id of [ids.id(), String(reversal?.["id"])]) {
      await expect(deposits.reverse("op", id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
  });
});

describe("amounts in the audit", () => {
  it("are whole numbers", async () => {
    const { deposit, audit } = setUp();
    await deposit(10, "k");
    expect(audit()[0]?.["detail"]).toMatch(/^{"amount":10,/);
  });
});
