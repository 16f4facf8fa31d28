import { describe, expect, it } from "vitest";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { CHANGES_WITHIN_MS } from "../../../src/ledger/biz/delivery-schedule.ts";
import type { SettledTransfer } from "../../../src/ledger/biz/ports.ts";
import { Settlement } from "../../../src/ledger/biz/settlement.ts";
import { d1Changes } from "../../../src/ledger/data/d1-changes.ts";
import { d1Inbox } from "../../../src/ledger/data/d1-inbox.ts";
import { d1Outbox } from "../../../src/ledger/data/d1-outbox.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { LEDGER_MIGRATIONS, UNLIMITED } from "../support/ledger-d1.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";

const NOW_MS = 1_700_000_000_000;
const SCHEDULE = { pausesMs: [2_000], slowMs: 300_000, givesUpAfterMs: 86_400_000 };

/** A wallet with one transfer of Ann's under way, and what came of its end. */
async function underWay() {
  const db = sqliteD1(LEDGER_MIGRATIONS);
  const woken: number[] = [];
  const told: SettledTransfer[] = [];
  const settlement = new Settlement({
    outbox: d1Outbox(db),
    inbox: d1Inbox(db),
    schedule: SCHEDULE,
    wakePublisher: (atMs) => void woken.push(atMs),
    tellSettled: (settled) => void told.push(settled),
    ids,
    now: () => NOW_MS,
  });
  const store = d1Transfers(db, "wallet");
  const money = { payloadHash: "h", amount: amountOf(10), nowMs: NOW_MS };
  await store.deposit({
    ...money,
    id: ids.id(),
    actor: "op",
    userId: "ann",
    key: "d",
    auditId: ids.id(),
    limits: UNLIMITED,
  });
  const id = ids.id();
  expect(await store.open({ ...money, id, owner: "ann", key: "k", nextAtMs: NOW_MS })).toMatchObject({
    id,
    outcome: "pending",
  });
  return { db, settlement, id, woken, told };
}

describe("a refund", () => {
  it("is a movement like any other: it wakes the publisher for the change stream, and its change is there", async () => {
    const { db, settlement, id, woken, told } = await underWay();
    await settlement.report({ transferId: id, result: "void" });
    expect(woken).toEqual([NOW_MS + CHANGES_WITHIN_MS]);
    expect((await d1Changes(db, "wallet").after(0, 10)).map(({ amount }) => amount)).toEqual([10, -10, 10]);
    expect(told).toEqual([]);
  });
});

describe("a settled transfer", () => {
  it("is told to its user once, by whoever settles it, however often it is reported", async () => {
    const { settlement, id, told } = await underWay();
    const report = { transferId: id, result: "credited" } as const;
    await Promise.all([settlement.report(report), settlement.report(report)]);
    await settlement.conclude(id, "credited");
    expect(told).toEqual([{ id, userId: "ann", amount: 10, settledAtMs: NOW_MS }]);
  });

  it("is told to nobody where it was booked back before, or never was", async () => {
    const { settlement, id, told } = await underWay();
    await settlement.report({ transferId: id, result: "void" });
    await settlement.report({ transferId: id, result: "credited" });
    await settlement.report({ transferId: ids.id(), result: "credited" });
    expect(told).toEqual([]);
  });
});
