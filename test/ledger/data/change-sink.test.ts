import { describe, expect, it } from "vitest";
import type { LedgerChange } from "../../../src/contracts/ledger.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { ChangeTailer } from "../../../src/ledger/biz/change-tailer.ts";
import { d1Changes } from "../../../src/ledger/data/d1-changes.ts";
import { d1Retention } from "../../../src/ledger/data/d1-retention.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { readLedgerConfig } from "../../../src/ledger/config.ts";
import { aDeposit, ledgerD1 } from "../support/ledger-d1.ts";

const DAY_MS = 86_400_000;

/** A ledger with its stream, as its object would publish it, and money for one user. */
async function ledger() {
  const db = ledgerD1();
  const changes = d1Changes(db, "wallet");
  const published: LedgerChange[] = [];
  const tailer = new ChangeTailer({
    store: changes,
    sink: { publish: async (batch) => void published.push(...batch) },
    now: Date.now,
  });
  const pay = async (amount: number): Promise<void> =>
    void (await d1Transfers(db, "wallet").deposit(aDeposit({ userId: "ann", amount: amountOf(amount) })));
  const amounts = (): readonly number[] => published.map(({ amount }) => amount);
  const seqs = (): readonly number[] => published.map(({ seq }) => seq);
  return { db, changes, published, tailer, pay, amounts, seqs };
}

describe("a change stream that is switched off, and on again", () => {
  it("goes on at a number of its own: none goes backwards, and what happened meanwhile shows as a gap", async () => {
    const { changes, tailer, pay, amounts, seqs } = await ledger();
    await pay(1);
    await pay(2);
    await tailer.run();
    await changes.enable(false);
    await pay(3);
    await pay(4);
    await tailer.run();
    await changes.enable(true);
    await pay(5);
    await pay(6);
    await tailer.run();
    expect(amounts()).toEqual([1, 2, 5, 6]);
    expect(seqs()).toEqual([1, 2, 4, 5]);
    expect((await changes.after(0, 10)).map(({ seq }) => seq)).toEqual([1, 2, 4, 5]);
  });

  it("tells nothing of what was on its way when it was switched off: that is there to be read, in order", async () => {
    const { changes, tailer, pay, amounts } = await ledger();
    await pay(1);
    await changes.enable(false);
    await tailer.run();
    expect(amounts()).toEqual([]);
    expect((await changes.after(0, 10)).map(({ amount }) => amount)).toEqual([1]);
    await changes.enable(true);
    await tailer.run();
    await pay(2);
    await tailer.run();
    expect(amounts()).toEqual([2]);
  });

  it("tells the balance as it is then, so that a reader who has taken the accounts goes on from there", async () => {
    const { changes, tailer, pay, published } = await ledger();
    await pay(100);
    await changes.enable(false);
    await pay(20);
    await changes.enable(true);
    await pay(3);
    await tailer.run();
    expect(published).toMatchObject([{ userId: "ann", amount: 3, balance: 123 }]);
  });

  it("is switched once, however often the cron comes, and by two at once too", async () => {
    const { changes, tailer, pay, seqs } = await ledger();
    await pay(1);
    for (let count = 0; count < 3; count += 1) await changes.enable(true);
    await pay(2);
    for (const enabled of [false, false, true, true]) await changes.enable(enabled);
    await Promise.all([changes.enable(true), changes.enable(true)]);
    await pay(3);
    await tailer.run();
    expect(seqs()).toEqual([4]);
    expect((await changes.after(0, 10)).map(({ seq }) => seq)).toEqual([1, 2, 4]);
  });

  it("begins at 1 where there never was a change", async () => {
    const { changes, tailer, pay, seqs } = await ledger();
    await changes.enable(false);
    await pay(1);
    await changes.enable(true);
    await pay(2);
    await tailer.run();
    expect(seqs()).toEqual([1]);
  });

  it("is pruned like any other, and gives no number again", async () => {
    const { db, changes, tailer, pay, seqs } = await ledger();
    const prune = (): Promise<boolean> => d1Retention(db).prune(Date.now() + 30 * DAY_MS);
    await pay(1);
    await pay(2);
    await tailer.run();
    await changes.enable(false);
    await prune();
    await changes.enable(true);
    await prune();
    await pay(3);
    await tailer.run();
    await prune();
    await pay(4);
    await tailer.run();
    expect(seqs()).toEqual([1, 2, 4, 5]);
  });
});

describe("the var CHANGE_SINK", () => {
  const read = (vars: Readonly<Record<string, string>>) =>
    readLedgerConfig({
      LOG_LEVEL: "info",
      LEDGER: "wallet",
      DELIVERY_SCHEDULE_MS: "300",
      DELIVERIES_PER_SECOND: "50",
      DEPOSIT_MAX: "7",
      DEPOSITS_PER_DAY_MAX: "9",
      BREAKER_ENGINES: "",
      HEDGED_UPSTREAMS: "",
      FAULTS: "off",
      BOOT_ID: "",
      ...vars,
    });

  it.each(["off", "queue", "pipeline"])("is %s", (sink) => {
    expect(read({ CHANGE_SINK: sink })).toMatchObject({ CHANGE_SINK: sink });
  });

  it("is kafka where Kafka can be reached", () => {
    const access = {
      UPSTASH_KAFKA_REST_URL: "https://kafka.example",
      UPSTASH_KAFKA_REST_USERNAME: "me",
      UPSTASH_KAFKA_REST_PASSWORD: "secret",
    };
    expect(read({ CHANGE_SINK: "kafka", ...access })).toMatchObject({ CHANGE_SINK: "kafka" });
    for (const missing of Object.keys(access))
      expect(() => read({ CHANGE_SINK: "kafka", ...access, [missing]: "" })).toThrow(
        "bad configuration: CHANGE_SINK: is kafka, and UPSTASH_KAFKA_REST_URL, _USERNAME or _PASSWORD is missing or empty",
      );
  });

  it.each(["", "on", "kafka", "Queue"])("is refused by name: %j", (sink) => {
    expect(() => read({ CHANGE_SINK: sink })).toThrow(/^bad configuration: CHANGE_SINK: /);
  });

  it.each([
    ["on", "queue"],
    ["off", "off"],
  ])("takes what CHANGE_STREAM, which is gone, said: %s is %s", (before, sink) => {
    expect(read({ CHANGE_SINK: sink, CHANGE_STREAM: before })).toMatchObject({ CHANGE_SINK: sink });
  });

  it.each([
    ["on", "off"],
    ["off", "queue"],
  ])("refuses a CHANGE_STREAM that says otherwise, and says what to do: %s, not %s", (before, sink) => {
    expect(() => read({ CHANGE_SINK: sink, CHANGE_STREAM: before })).toThrow(
      "bad configuration: CHANGE_STREAM: is gone and contradicts CHANGE_SINK (queue for on, off for off): set that, remove this",
    );
  });
});
